package main

import "testing"

func TestMemorySize(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes memorySize
		again string // as the help would print it
	}{
		{"512MB", 512_000_000, "512MB"},
		{"800M", 800_000_000, "800MB"},
		{"2GiB", 2 << 30, "2GiB"},
		{"64mib", 64 << 20, "64MiB"},
		{"1.5 gb", 1_500_000_000, "1500000000B"},
		{"4G", defaultMemory, "4GB"},
		{"100000000", 100_000_000, "100MB"},
		{"700000kB", 700_000_000, "700MB"},
		{"99999999999TB", 1<<62 - 1 + 1<<62, ""},
	} {
		var m memorySize
		if err := m.Set(c.text); err != nil || m != c.bytes && c.again != "" {
			t.Errorf("%s: %d, %v; want %d", c.text, m, err, c.bytes)
		}
		if got := m.String(); got != c.again && c.again != "" {
			t.Errorf("%s is printed as %s, want %s", c.text, got, c.again)
		}
		if again := memorySize(0); again.Set(m.String()) != nil || again != m {
			t.Errorf("%s: %s is read as %d", c.text, m.String(), again)
		}
	}
	for text, want := range map[string]string{
		"":       "a size such as 512MB or 2GiB",
		"plenty": "a size such as 512MB or 2GiB",
		"-1GB":   "a size such as 512MB or 2GiB",
		"NaN GB": "a size such as 512MB or 2GiB",
		"0x10MB": "a size such as 512MB or 2GiB",
		"1e3MB":  "a size such as 512MB or 2GiB",
		"512":    "of what? 512MB, or 512GiB",
		"63MB":   "too little to work with; the least is 64MB",
		"0GB":    "too little to work with; the least is 64MB",
	} {
		var m memorySize
		if err := m.Set(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
