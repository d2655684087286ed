// A small app with a database: what people have written, as JSON.
//
//	guestbook            answers requests
//	guestbook migrate    brings the database's tables to what this version needs
//	guestbook seed       writes a few entries, if there are none
//
//	GET /          branch, version of the tables, number of entries
//	POST /         writes an entry: the request's body
//	GET /healthz   200 while the database answers
//
// Environment: DATABASE_URL (or PGHOST, PGDATABASE and so on, as libpq reads them), PORT (8080), BRANCH,
// BREAK_MIGRATION (any value: the next migration fails, as a wrong one would).
package main

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var files embed.FS

type status struct {
	Branch  string `json:"branch"`
	Tables  int64  `json:"tables"`
	Entries int    `json:"entries"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	database, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer database.Close()
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "":
		err = serve(ctx, database)
	case "migrate":
		err = migrate(ctx, database)
	case "seed":
		err = seed(ctx, database)
	default:
		err = fmt.Errorf("%q is no command: leave it out, or say migrate or seed", command)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func migrate(ctx context.Context, database *sql.DB) error {
	provider, err := migrations(database)
	if err != nil {
		return err
	}
	done, err := provider.Up(ctx)
	for _, each := range done {
		log.Print(each)
	}
	if err != nil {
		return err
	}
	if os.Getenv("BREAK_MIGRATION") != "" {
		_, err = database.ExecContext(ctx, "ALTER TABLE no_such_table ADD COLUMN x int")
	}
	return err
}

func migrations(database *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, database, folder)
}

func seed(ctx context.Context, database *sql.DB) error {
	done, err := database.ExecContext(ctx,
		"INSERT INTO entry (text) SELECT 'seed ' || n FROM generate_series(1, 3) n WHERE NOT EXISTS (SELECT FROM entry)")
	if err != nil {
		return err
	}
	written, err := done.RowsAffected()
	log.Printf("%d entries written", written)
	return err
}

func serve(ctx context.Context, database *sql.DB) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := database.PingContext(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		found := status{Branch: os.Getenv("BRANCH")}
		err := database.QueryRowContext(r.Context(),
			"SELECT (SELECT max(version_id) FROM goose_db_version), (SELECT count(*) FROM entry)").Scan(&found.Tables, &found.Entries)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("content-type", "application/json")
		json.NewEncoder(w).Encode(found)
	})
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1000))
		if err == nil {
			_, err = database.ExecContext(r.Context(), "INSERT INTO entry (text) VALUES ($1)", string(text))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: ":" + port, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		server.Shutdown(ending)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
