//go:build linux

package kernellab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Host is a network namespace with one interface, a TAP device whose other end
// is the wire. Its kernel is the real one; only its cable is made here.
type Host struct {
	Name   string
	V4, V6 netip.Addr

	mac    [6]byte
	tap    *os.File
	run    chan func()
	seen   *recording // what passed its interface
	stop   chan struct{}
	closed sync.WaitGroup
}

const device = "eth0"

// newHost makes the namespace and its interface. The namespace lives on a thread
// of its own, where every socket of the host is made; used from elsewhere
// afterwards, a socket stays in the namespace it was made in.
func newHost(name string, v4, v6 netip.Addr, sysctl map[string]string) (*Host, error) {
	a := v4.As4()
	h := &Host{
		Name: name, V4: v4, V6: v6,
		mac:  [6]byte{0x02, 0x77, a[0], a[1], a[2], a[3]},
		run:  make(chan func()),
		stop: make(chan struct{}),
		seen: &recording{},
	}
	ready := make(chan error)
	go h.thread(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	if err := h.do(func() error { return h.setUp(sysctl) }); err != nil {
		h.close()
		return nil, fmt.Errorf("set up host %s: %w", name, err)
	}
	return h, nil
}

// thread never unlocks: the runtime ends the thread with the goroutine, so no
// other goroutine is ever run in the namespace.
func (h *Host) thread(ready chan<- error) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET)
	ready <- err
	if err != nil {
		return
	}
	for f := range h.run {
		f()
	}
}

// do runs f in the host's namespace.
func (h *Host) do(f func() error) error {
	done := make(chan error, 1)
	h.run <- func() { done <- f() }
	return <-done
}

func (h *Host) close() {
	close(h.stop)
	if h.tap != nil {
		h.tap.Close()
	}
	h.closed.Wait()
	close(h.run)
}

func (h *Host) setUp(sysctl map[string]string) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		unix.Close(fd)
		return fmt.Errorf("make a TAP device: %w", err)
	}
	h.tap = os.NewFile(uintptr(fd), "tap")
	for name, value := range sysctl {
		// Older kernels lack some; the scenarios that need those say so themselves.
		err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := h.address(); err != nil {
		return err
	}
	return h.capture()
}

// address gives the interface its addresses and switches it on.
func (h *Host) address() error {
	s4, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s4)
	s6, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s6)

	hardware := struct {
		name   [unix.IFNAMSIZ]byte
		family uint16
		mac    [22]byte
	}{family: unix.ARPHRD_ETHER}
	copy(hardware.name[:], device)
	copy(hardware.mac[:], h.mac[:])
	if err := ioctl(s4, unix.SIOCSIFHWADDR, unsafe.Pointer(&hardware)); err != nil {
		return fmt.Errorf("set the hardware address: %w", err)
	}
	four := func(request uint, addr netip.Addr) error {
		ifr, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		if err := ifr.SetInet4Addr(addr.AsSlice()); err != nil {
			return err
		}
		return unix.IoctlIfreq(s4, request, ifr)
	}
	if err := errors.Join(
		four(unix.SIOCSIFADDR, h.V4),
		four(unix.SIOCSIFNETMASK, netip.AddrFrom4([4]byte{255, 255, 255, 0})),
	); err != nil {
		return fmt.Errorf("set the address %v: %w", h.V4, err)
	}
	for _, name := range []string{"lo", device} {
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		if err := unix.IoctlIfreq(s4, unix.SIOCSIFFLAGS, ifr); err != nil {
			return fmt.Errorf("switch on %s: %w", name, err)
		}
	}
	// Duplicate address detection would take a second and only ever ask the wire.
	dad := filepath.Join("/proc/sys/net/ipv6/conf", device, "accept_dad")
	if err := os.WriteFile(dad, []byte("0"), 0); err != nil {
		return err
	}
	index, err := h.index(s4)
	if err != nil {
		return err
	}
	six := struct {
		addr   [16]byte
		prefix uint32
		index  int32
	}{h.V6.As16(), 64, index}
	if err := ioctl(s6, unix.SIOCSIFADDR, unsafe.Pointer(&six)); err != nil {
		return fmt.Errorf("set the address %v: %w", h.V6, err)
	}
	return nil
}

func (h *Host) index(socket int) (int32, error) {
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, ifr); err != nil {
		return 0, err
	}
	return int32(ifr.Uint32()), nil
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// htons is the byte order of AF_PACKET's protocol number.
func htons(v uint16) uint16 { return v<<8 | v>>8 }

// capture starts recording what passes the interface, stamped by the kernel.
func (h *Host) capture() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	index, err := h.index(fd)
	if err != nil {
		return err
	}
	timeout := unix.Timeval{Usec: 50_000}
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: int(index)}),
	); err != nil {
		unix.Close(fd)
		return fmt.Errorf("set up a packet socket: %w", err)
	}
	h.closed.Add(1)
	go func() {
		defer h.closed.Done()
		defer unix.Close(fd)
		h.record(fd)
	}()
	return nil
}

// record reads the packet socket until the host is closed and nothing is left.
func (h *Host) record(fd int) {
	frame, control := make([]byte, 1<<16), make([]byte, 256)
	for {
		n, cn, _, from, err := unix.Recvmsg(fd, frame, control, 0)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
				return
			}
			select {
			case <-h.stop:
				if stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
					h.seen.drops = uint64(stats.Drops)
				}
				return
			default:
				continue
			}
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok {
			continue
		}
		h.seen.add(captured{
			at:   stamp(control[:cn]),
			out:  link.Pkttype == unix.PACKET_OUTGOING,
			data: append([]byte(nil), frame[:n]...),
		})
	}
}

// stamp returns the kernel's time of a received frame.
func stamp(control []byte) int64 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			return (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano()
		}
	}
	return 0
}
