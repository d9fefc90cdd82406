//go:build linux

package kernellab

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// DemoSnaplen keeps the bundled capture small: all headers and the beginning of
// each payload.
const DemoSnaplen = 128

const (
	appPort      = 8080
	databasePort = 5432
)

// Demo plays a small incident between real hosts and writes what a tap in the
// middle saw of it as pcapng. Two clients, 10.77.0.1 and 10.77.0.3, use an
// application on 10.77.0.2 port 8080 and a database on 10.77.0.4 port 5432;
// 10.77.0.9 answers nothing. It takes over a minute.
func Demo(out io.Writer, seed uint64) error {
	n, err := newNet(0, 2*time.Millisecond, nil)
	if err != nil {
		return err
	}
	d := &demo{n: n, random: rand.New(rand.NewPCG(seed, 0))}
	err = d.play()
	frames := n.Wire.mid.sorted() // before what is open is closed
	n.shut()
	if err = errors.Join(err, n.failure()); err != nil {
		return err
	}
	return writePcapng(out, frames, DemoSnaplen, 0, "tcplife kernel lab")
}

type demo struct {
	n             *Net
	laptop        *Host // the second client
	app, database *Socket
	dialing       sync.Mutex // Accept's next connection is the one dialed last
	talks         sync.WaitGroup
	random        *rand.Rand
	mu            sync.Mutex
	open          []*Socket // left open on purpose
}

func (d *demo) play() (err error) {
	n := d.n
	if d.laptop, err = n.addHost("laptop", 0, 3, nil); err != nil {
		return err
	}
	database, err := n.addHost("database", 0, 4, nil)
	if err != nil {
		return err
	}
	dead, err := n.addHost("dead", 0, 9, nil)
	if err != nil {
		return err
	}
	d.app = n.Listen(n.Server, appPort, 64)
	d.database = n.Listen(database, databasePort, 64)
	n.Wire.Rule(all(func(p *Packet) bool { return p.Half == Far && p.To == dead }, lost))
	n.Wire.Rule(first(1, func(p *Packet) bool {
		return p.Half == Far && p.src.Port() == lossyPort && p.payload > 0
	}, lost))

	at := func(second float64, talk func()) {
		d.talks.Add(1)
		go func() {
			defer d.talks.Done()
			time.Sleep(time.Duration(second * float64(time.Second)))
			talk()
		}()
	}
	client := func(i int) *Host {
		if i%3 == 0 {
			return d.laptop
		}
		return n.Client
	}
	for i := range 14 {
		at(0.2+4.1*float64(i), func() { d.request(client(i)) })
	}
	for i := range 7 {
		at(0.5+6.3*float64(i), func() { d.query(n.Server, 2+i%3) })
	}
	for i := range 5 {
		at(5.3+1.7*float64(i), func() { d.serverCloses(client(i)) })
	}
	at(1.1, func() { d.idleSession() })
	at(3.3, func() { d.lossyRequest() })
	at(8.2, func() { d.portUsedAgain() })
	// The incident: uploads beyond the application's limit are cut off, requests
	// of a new client version go to a port nobody serves, and workers hang.
	for i := range 4 {
		at(20.4+5.2*float64(i), func() { d.uploadRefused(client(i)) })
	}
	for i := range 4 {
		at(22.9+4.6*float64(i), func() { d.uploadOutlivesServer(client(i + 1)) })
	}
	for i := range 3 {
		at(25.6+3.4*float64(i), func() { d.fails(client(i), n.Server.At(8081), unix.ECONNREFUSED) })
	}
	for i := range 3 {
		at(27.2+6.1*float64(i), func() { d.fails(client(i+2), dead.At(appPort), unix.ETIMEDOUT) })
	}
	for i := range 3 {
		at(30.7+2.3*float64(i), func() { d.neverClosed(client(i)) })
	}
	d.talks.Wait()
	time.Sleep(18 * time.Second) // long enough for the hung connections to look hung
	return nil
}

// pair connects client to a server's listening socket and returns both ends.
func (d *demo) pair(from *Host, at *Socket, options ...Option) (c, s *Socket) {
	d.dialing.Lock()
	defer d.dialing.Unlock()
	c = d.n.Dial(from, at.host.At(at.Addr().Port()), options...)
	return c, at.Accept()
}

// pause is the time a program or a person takes, around a number of milliseconds.
func (d *demo) pause(milliseconds int) {
	d.mu.Lock()
	t := milliseconds/2 + d.random.IntN(milliseconds)
	d.mu.Unlock()
	time.Sleep(time.Duration(t) * time.Millisecond)
}

const get = "GET /orders HTTP/1.1\r\nHost: app.example\r\nConnection: keep-alive\r\n\r\n"

// answer lets the server read the request and answer it.
func (d *demo) answer(c, s *Socket, body int) {
	c.SendText(get)
	s.Recv(len(get))
	d.pause(12)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", body)
	s.SendText(head + strings.Repeat("x", body))
	c.Recv(len(head) + body)
}

// request is an ordinary exchange; the client closes.
func (d *demo) request(from *Host) {
	c, s := d.pair(from, d.app)
	for range 3 {
		d.answer(c, s, 2500)
		d.pause(300)
	}
	c.Close()
	s.RecvEOF()
	d.pause(5)
	s.Close()
}

// query is a session of the application with its database; the application closes.
func (d *demo) query(from *Host, queries int) {
	c, s := d.pair(from, d.database)
	for range queries {
		c.Send(120)
		s.Recv(120)
		d.pause(8)
		s.Send(900)
		c.Recv(900)
		d.pause(400)
	}
	c.Close()
	s.RecvEOF()
	s.Close()
}

// serverCloses ends an exchange from the server's side, so TIME_WAIT is there.
func (d *demo) serverCloses(from *Host) {
	c, s := d.pair(from, d.app)
	d.answer(c, s, 1800)
	d.pause(150)
	s.Close()
	c.RecvEOF()
	d.pause(5)
	c.Close()
}

// idleSession stays open with nothing but keep-alive probes.
func (d *demo) idleSession() {
	c, s := d.pair(d.n.Server, d.database,
		intOption(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		intOption(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 11),
		intOption(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5))
	c.Send(120)
	s.Recv(120)
	s.Send(300)
	c.Recv(300)
	d.keep(c, s)
}

const lossyPort = 40001 // the wire loses the first data of this client port

// lossyRequest loses its request behind the tap once.
func (d *demo) lossyRequest() {
	c, s := d.pair(d.n.Client, d.app, From(lossyPort))
	d.answer(c, s, 2500)
	c.Close()
	s.RecvEOF()
	s.Close()
}

// portUsedAgain connects twice from one port while the server is in TIME_WAIT.
func (d *demo) portUsedAgain() {
	for range 2 {
		c, s := d.pair(d.n.Client, d.app, From(40002))
		d.answer(c, s, 600)
		s.Close()
		c.RecvEOF()
		c.Close()
		d.pause(2000)
	}
}

func postHead(length int) string {
	return fmt.Sprintf("POST /upload HTTP/1.1\r\nHost: app.example\r\nContent-Length: %d\r\n\r\n", length)
}

const tooLarge = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n"

// uploadRefused is an upload the server closes in its midst: octets wait unread in
// its receive queue, so its close() sends a RST, and more are under way.
func (d *demo) uploadRefused(from *Host) {
	c, s := d.pair(from, d.app)
	head := postHead(150_000)
	c.SendText(head)
	s.Recv(len(head))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = c.TrySend(150_000) // fails or not, as the reset finds it
	}()
	d.pause(20)
	s.SendText(tooLarge)
	s.Close()
	_ = c.TryRecvEOF()
	<-sent
	c.Close()
}

// uploadOutlivesServer is an upload whose server has read all there was, answers
// and closes: its FIN meets data under way, which nobody takes any more: RST.
func (d *demo) uploadOutlivesServer(from *Host) {
	c, s := d.pair(from, d.app)
	head := postHead(100_000)
	c.SendText(head)
	s.Recv(len(head))
	c.Send(8_000)
	s.Recv(8_000)
	s.SendText(tooLarge)
	s.Close()
	d.pause(40)
	_ = c.TrySend(4_000)
	d.pause(40)
	c.Close()
}

// fails is a connection attempt that must fail for the reason given.
func (d *demo) fails(from *Host, to netip.AddrPort, reason error) {
	c, err := d.n.TryDial(from, to)
	d.n.expect(err, reason)
	c.Close()
}

// neverClosed is a request whose server process forgets the connection after
// the client is gone: CLOSE_WAIT.
func (d *demo) neverClosed(from *Host) {
	c, s := d.pair(from, d.app)
	d.answer(c, s, 1200)
	d.pause(100)
	c.Close()
	d.keep(s)
}

// keep leaves sockets open until the demo is over.
func (d *demo) keep(s ...*Socket) {
	d.mu.Lock()
	d.open = append(d.open, s...)
	d.mu.Unlock()
}
