// The sample app of the demo and the tests: a small HTTP server that says which
// branch and version it is.
//
//	GET /          who answers, as JSON (or a page, if a browser asks)
//	GET /healthz   200 while it can answer
//	GET /call?url= fetches another workload's URL and shows what that one answered
//	GET /headers   what headers a request has when it gets here, as JSON
//	POST /shop.Greeter/SayHello, /grpc.health.v1.Health/Check
//	               gRPC, as far as it goes without a library: each answers with one fixed message
//	GET /echo      a WebSocket that says each short message back
//	GET /notes     what was noted in the file NOTES, as JSON; POST /notes adds a line
//	GET /fail      500, to see what an error looks like from outside
//
// It speaks HTTP/1.1 and, without TLS, HTTP/2.
//
// `shop migrate` ends at once instead, as a migration of its database would;
// `shop migrate <words>` says them and fails, as one that meets data it does not expect.
//
// Environment: HOST (all addresses), PORT (8080), VERSION and NAME (from the image or the workload),
// BRANCH, BRANCH_SLUG and BRANCH_URL (from the branch environment),
// EXIT_AFTER_START (any value: print a line and exit with 3, as a broken app would).
package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type identity struct {
	App     string `json:"app"`
	Branch  string `json:"branch"`
	Version string `json:"version"`
	Pod     string `json:"pod"`
	Path    string `json:"path"`
	Proto   string `json:"proto"`
}

type callResult struct {
	URL    string          `json:"url"`
	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Branch}}</title>
<style>body{font:1.2rem/1.6 system-ui;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1b1f24}
h1{font-size:2.4rem;margin:0;overflow-wrap:anywhere}dt{color:#667}dd{margin:0 0 .5rem}</style>
<h1>{{.Branch}}</h1><dl><dt>app<dd>{{.App}}<dt>version<dd>{{.Version}}<dt>pod<dd>{{.Pod}}</dl>
`))

func main() {
	if os.Getenv("EXIT_AFTER_START") != "" {
		log.Fatal("EXIT_AFTER_START is set: the sample app gives up, as a broken one would")
	}
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == "migrate" {
		migrate(os.Args[2:])
		return
	}
	pod, _ := os.Hostname()
	self := identity{App: env("NAME", "shop"), Branch: env("BRANCH", "unknown"), Version: env("VERSION", "dev"), Pod: pod}

	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	routes.HandleFunc("GET /fail", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this path always fails", http.StatusInternalServerError)
	})
	routes.HandleFunc("GET /headers", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, r.Header) })
	routes.HandleFunc("GET /call", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, call(r.Context(), r.URL.Query().Get("url")))
	})
	routes.HandleFunc("GET /echo", echo)
	routes.HandleFunc("/notes", notes)
	routes.HandleFunc("POST /shop.Greeter/SayHello", grpc(nil))
	routes.HandleFunc("POST /grpc.health.v1.Health/Check", grpc(serving))
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer := self
		answer.Path = r.URL.Path
		answer.Proto = r.Proto
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_ = page.Execute(w, answer)
			return
		}
		writeJSON(w, answer)
	})

	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Addr: env("HOST", "") + ":" + env("PORT", "8080"), Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() {
		<-stopped.Done()
		// Answers what has arrived, then leaves; a request takes milliseconds.
		finish, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(finish)
	}()
	log.Printf("%s %s for branch %s listens on %s", self.App, self.Version, self.Branch, server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func migrate(fault []string) {
	log.Printf("migrates the database of branch %s to version %s", env("BRANCH", "unknown"), env("VERSION", "dev"))
	if len(fault) > 0 {
		log.Fatal(strings.Join(fault, " "))
	}
}

// A HealthCheckResponse whose status is SERVING.
var serving = []byte{0x08, 0x01}

// grpc answers with one message and the status OK.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func grpc(message []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			http.Error(w, "gRPC goes over HTTP/2, and this came by "+r.Proto, http.StatusHTTPVersionNotSupported)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		// Ahead of the message, which is then sent without a length: some clients read no trailers behind a known one.
		_ = http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		_, _ = w.Write(append([]byte{0, 0, 0, 0, byte(len(message))}, message...))
	}
}

// notes keeps lines in a file, as an app with a volume would.
func notes(w http.ResponseWriter, r *http.Request) {
	file := env("NOTES", "/tmp/notes")
	if r.Method == http.MethodPost {
		line, _ := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		kept, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = kept.Write(append(line, '\n'))
			err = errors.Join(err, kept.Close())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, strings.Fields(string(kept)))
}

// echo says every message of a WebSocket back, until one comes that is no short text in one frame (RFC 6455).
func echo(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		http.Error(w, "this path is a WebSocket", http.StatusUpgradeRequired)
		return
	}
	connection, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusHTTPVersionNotSupported)
		return
	}
	defer connection.Close()
	accept := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = stream.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(accept[:]) + "\r\n\r\n")
	for err == nil {
		err = sayBack(stream)
	}
}

func sayBack(stream *bufio.ReadWriter) error {
	const text, masked, longest = 0x81, 0x80, 125
	if err := stream.Flush(); err != nil {
		return err
	}
	head := make([]byte, 6)
	if _, err := io.ReadFull(stream, head); err != nil {
		return err
	}
	length := head[1] &^ masked
	if head[0] != text || head[1]&masked == 0 || length > longest {
		return errors.New("not a short text in one frame")
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(stream, message); err != nil {
		return err
	}
	for i := range message {
		message[i] ^= head[2+i%4]
	}
	_, err := stream.Write(append([]byte{text, length}, message...))
	return err
}

func call(ctx context.Context, url string) callResult {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	result := callResult{URL: url}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	result.Status = response.StatusCode
	if json.Valid(body) {
		result.Answer = body
	} else {
		result.Error = string(body)
	}
	return result
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func env(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
