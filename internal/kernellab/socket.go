//go:build linux

package kernellab

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every blocking call of a scenario.
const patience = 40 * time.Second

// Socket is a TCP socket of a host. Its methods report trouble to the scenario,
// so that a scenario reads as the list of what its two programs do.
type Socket struct {
	fd   int
	net  *Net
	host *Host
}

// Option is set on a socket before it connects or listens.
type Option func(fd int) error

func intOption(level, name, value int) Option {
	return func(fd int) error { return unix.SetsockoptInt(fd, level, name, value) }
}

// From binds a dialing socket to a local port, so that a 4-tuple can be used again.
func From(port uint16) Option {
	return func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return err
		}
		if domain == unix.AF_INET6 {
			return unix.Bind(fd, &unix.SockaddrInet6{Port: int(port)})
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(port)})
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (n *Net) socket(h *Host, v6 bool, options []Option) (*Socket, error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	s := &Socket{fd: -1, net: n, host: h}
	err := h.do(func() (err error) {
		s.fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return s, err
	}
	timeout := unix.NsecToTimeval(int64(patience))
	err = errors.Join(
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout))
	for _, o := range options {
		err = errors.Join(err, o(s.fd))
	}
	n.opened(s)
	return s, err
}

// Listen opens a listening socket at every address of the host.
func (n *Net) Listen(h *Host, port uint16, backlog int, options ...Option) *Socket {
	options = append([]Option{
		intOption(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		intOption(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0),
	}, options...)
	s, err := n.socket(h, true, options)
	if err == nil {
		err = unix.Bind(s.fd, &unix.SockaddrInet6{Port: int(port)})
	}
	if err == nil {
		err = unix.Listen(s.fd, backlog)
	}
	n.check(err, "listen on %s port %d", h.Name, port)
	return s
}

// Accept takes the next connection of a listening socket.
func (s *Socket) Accept() *Socket {
	child, err := s.TryAccept()
	s.net.check(err, "accept at %s", s.host.Name)
	return child
}

// TryAccept is Accept where there may be none.
func (s *Socket) TryAccept() (*Socket, error) {
	child := &Socket{fd: -1, net: s.net, host: s.host}
	fd, err := again(func() (int, error) {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		return fd, err
	})
	if err != nil {
		return child, err
	}
	child.fd = fd
	s.net.opened(child)
	timeout := unix.NsecToTimeval(int64(patience))
	return child, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
}

// Dial connects from h to an address and waits for it.
func (n *Net) Dial(h *Host, to netip.AddrPort, options ...Option) *Socket {
	s, err := n.TryDial(h, to, options...)
	n.check(err, "connect %s to %v", h.Name, to)
	return s
}

// TryDial is Dial where failure is what the scenario is about.
func (n *Net) TryDial(h *Host, to netip.AddrPort, options ...Option) (*Socket, error) {
	s, err := n.socket(h, to.Addr().Is6(), options)
	if err == nil {
		err = connect(s.fd, to)
	}
	return s, err
}

// connect waits for the connection even if a signal comes between: the runtime
// sends them to its threads, and a call with a timeout is not taken up again.
func connect(fd int, to netip.AddrPort) error {
	err := unix.Connect(fd, sockaddr(to))
	if !errors.Is(err, unix.EINTR) {
		return err
	}
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if _, err := again(func() (int, error) { return unix.Poll(ready, int(patience.Milliseconds())) }); err != nil {
		return err
	}
	if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		return errors.Join(err, unix.Errno(code))
	}
	return nil
}

// again repeats a call until no signal interrupts it.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func read(fd int, buffer []byte) (int, error) {
	return again(func() (int, error) { return unix.Read(fd, buffer) })
}

func write(fd int, data []byte) (int, error) {
	return again(func() (int, error) { return unix.SendmsgN(fd, data, nil, nil, unix.MSG_NOSIGNAL) })
}

// pattern is what the lab's programs send.
var pattern = func() []byte {
	b := make([]byte, 1<<16)
	for i := range b {
		b[i] = "tcplife"[i%7]
	}
	return b
}()

// Send writes n octets and waits until the kernel took them.
func (s *Socket) Send(n int) {
	for n > 0 {
		part, err := write(s.fd, pattern[:min(n, len(pattern))])
		if !s.net.check(err, "send at %s", s.host.Name) {
			return
		}
		n -= part
	}
}

// SendText writes one message.
func (s *Socket) SendText(text string) {
	_, err := write(s.fd, []byte(text))
	s.net.check(err, "send at %s", s.host.Name)
}

// TrySend is Send where failure is what the scenario is about.
func (s *Socket) TrySend(n int) error {
	for n > 0 {
		part, err := write(s.fd, pattern[:min(n, len(pattern))])
		if err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// Recv reads exactly n octets.
func (s *Socket) Recv(n int) {
	buffer := make([]byte, 1<<16)
	for n > 0 {
		part, err := read(s.fd, buffer[:min(n, len(buffer))])
		if !s.net.check(err, "receive at %s", s.host.Name) {
			return
		}
		if part == 0 {
			s.net.check(errors.New("end of stream"), "receive at %s", s.host.Name)
			return
		}
		n -= part
	}
}

// RecvEOF reads until the peer's FIN.
func (s *Socket) RecvEOF() { s.net.check(s.TryRecvEOF(), "receive at %s", s.host.Name) }

// TryRecvEOF is RecvEOF where a reset is what the scenario is about.
func (s *Socket) TryRecvEOF() error {
	buffer := make([]byte, 1<<16)
	for {
		n, err := read(s.fd, buffer)
		if err != nil || n == 0 {
			return err
		}
	}
}

// readSome reads once, whatever comes of it.
func (s *Socket) readSome() {
	buffer := make([]byte, 4096)
	_, _ = read(s.fd, buffer)
}

// Shutdown sends the FIN and leaves the receiving side open.
func (s *Socket) Shutdown() {
	s.net.check(unix.Shutdown(s.fd, unix.SHUT_WR), "shut down at %s", s.host.Name)
}

// Close closes the socket as a program does that is done with it.
func (s *Socket) Close() {
	if s.fd >= 0 {
		s.net.closed(s)
		unix.Close(s.fd)
		s.fd = -1
	}
}

// Abort closes the socket with a RST (SO_LINGER with a time of zero).
func (s *Socket) Abort() {
	s.Set(func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	s.Close()
}

// Set sets an option of an open socket.
func (s *Socket) Set(o Option) { s.net.check(o(s.fd), "set an option at %s", s.host.Name) }

// Addr returns the socket's own address.
func (s *Socket) Addr() netip.AddrPort {
	name, err := unix.Getsockname(s.fd)
	s.net.check(err, "name of a socket at %s", s.host.Name)
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// At returns the address of a port of h.
func (h *Host) At(port uint16) netip.AddrPort { return netip.AddrPortFrom(h.V4, port) }

// At6 is At over IPv6.
func (h *Host) At6(port uint16) netip.AddrPort { return netip.AddrPortFrom(h.V6, port) }

func (n *Net) check(err error, format string, args ...any) bool {
	if err == nil {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	}
	return false
}
