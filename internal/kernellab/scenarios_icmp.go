//go:build linux

package kernellab

import "golang.org/x/sys/unix"

// What ICMP errors do to connections. They come from a router behind the tap.
var unreached = []Scenario{
	{Name: "icmp_prohibited", Play: icmpProhibited, Point: "client", About: "The SYN is answered by ICMP \"communication prohibited\": connect() fails at once."},
	{Name: "icmp_host_unreachable", Play: icmpHostUnreachable, Point: "client", About: "The SYN is answered by ICMP \"host unreachable\": connect() fails at once."},
	{Name: "icmp_time_exceeded", Play: icmpTimeExceeded, Point: "client", About: "The SYN is answered by ICMP \"time to live exceeded\"."},
	{Name: "icmp_about_syn_ack", Play: icmpAboutSynAck, Point: "server", About: "The first SYN-ACK is answered by ICMP \"host unreachable\", the second arrives."},
	{Name: "icmp_about_data", Play: icmpAboutData, Point: "client", About: "Data is answered by ICMP \"port unreachable\": the open connection goes on, the data is sent again."},
}

// refuses drops a packet and says so.
func refuses(kind, code byte) Fate { return Fate{Drop: true, Error: &icmpError{kind, code}} }

func icmpRefusal(n *Net, kind, code byte, want error) {
	n.Wire.Rule(all(behindTap(n.Client, isSyn), refuses(kind, code)))
	c, err := n.TryDial(n.Client, n.Server.At(80))
	n.expect(err, want)
	c.Close()
	n.Pause()
}

func icmpProhibited(n *Net)      { icmpRefusal(n, 3, 13, unix.EHOSTUNREACH) }
func icmpHostUnreachable(n *Net) { icmpRefusal(n, 3, 1, unix.EHOSTUNREACH) }
func icmpTimeExceeded(n *Net)    { icmpRefusal(n, 11, 0, unix.EHOSTUNREACH) }

func icmpAboutSynAck(n *Net) {
	n.Wire.Rule(first(1, behindTap(n.Server, isSynAck), refuses(3, 1)))
	c, s := n.Pair(80)
	exchange(n, c, s)
}

func icmpAboutData(n *Net) {
	c, s := talk(n)
	n.Wire.Rule(first(1, behindTap(n.Client, isData), refuses(3, 3)))
	exchange(n, c, s)
}
