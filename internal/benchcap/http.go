package benchcap

import "strconv"

var (
	paths = []string{"/", "/index.html", "/api/v1/status", "/connecttest.txt", "/generate_204", "/images/logo.png", "/ocsp",
		"/update/check?version=4.2.1&channel=stable", "/feed.xml", "/static/js/app.3f9c1b.js"}
	agents = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
		"curl/8.11.0", "Microsoft-CryptoAPI/10.0", "python-requests/2.32.3",
	}
	kinds = []string{"text/html; charset=utf-8", "application/json", "text/plain", "application/octet-stream", "font/woff2"}
)

// http is a connection with one to four requests.
func (g *generator) http(f *flow) {
	budget := g.budget()
	for i := 0; i == 0 || i < 4 && len(f.steps) < budget; i++ {
		if i > 0 {
			f.pause += uint32(g.skew(4_000_000))
		}
		g.httpRequest(f)
		g.httpResponse(f)
		if g.percent(60) {
			f.acknowledge()
		}
	}
}

func (g *generator) httpRequest(f *flow) {
	at := len(f.buf)
	body := 0
	if g.chance(8) {
		body = 20 + g.skew(600)
		f.buf = append(f.buf, "POST "...)
	} else {
		f.buf = append(f.buf, "GET "...)
	}
	f.buf = append(f.buf, paths[g.rand.IntN(len(paths))]...)
	f.buf = append(append(f.buf, " HTTP/1.1\r\nHost: "...), f.name...)
	f.buf = append(append(f.buf, "\r\nUser-Agent: "...), agents[g.rand.IntN(len(agents))]...)
	f.buf = append(f.buf, "\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"...)
	if body > 0 {
		f.buf = append(f.buf, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
		f.buf = append(strconv.AppendInt(f.buf, int64(body), 10), "\r\n"...)
	}
	f.buf = append(f.buf, "\r\n"...)
	for ; body > 0; body-- {
		f.buf = append(f.buf, "a=1&b=22"[body%8])
	}
	f.send(false, at)
}

func (g *generator) httpResponse(f *flow) {
	at := len(f.buf)
	switch g.rand.IntN(10) {
	case 0:
		f.buf = append(f.buf, "HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nETag: \"65f1a-1b2\"\r\nConnection: keep-alive\r\n\r\n"...)
		f.send(true, at)
		return
	case 1:
		f.buf = append(f.buf, "HTTP/1.1 204 No Content\r\nServer: gws\r\nCache-Control: no-store\r\n\r\n"...)
		f.send(true, at)
		return
	case 2:
		f.buf = append(append(f.buf, "HTTP/1.1 301 Moved Permanently\r\nLocation: https://"...), f.name...)
		f.buf = append(f.buf, "/\r\nContent-Length: 0\r\n\r\n"...)
		f.send(true, at)
		return
	}
	n := 50 + g.skew(6000)
	f.buf = append(f.buf, "HTTP/1.1 200 OK\r\nServer: nginx/1.26.2\r\nDate: Mon, 01 Jun 2026 08:00:00 GMT\r\nContent-Type: "...)
	f.buf = append(f.buf, kinds[g.rand.IntN(len(kinds))]...)
	f.buf = append(f.buf, "\r\nCache-Control: max-age=3600\r\nContent-Length: "...)
	f.buf = append(strconv.AppendInt(f.buf, int64(n), 10), "\r\n\r\n"...)
	f.buf = g.random(f.buf, n)
	f.send(true, at)
}
