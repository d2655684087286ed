// Pulumi's language host for Python: the engine starts it, asks it which plugins a program needs, and has it run the program.
//
// No registry carries the official one. What it knows of Python is in Pulumi's SDK all the same and is used from there: the
// package `toolchain`, which finds virtual environments and lists what is in them, and the script
// `pulumi-language-python-exec`, which runs a program. Between the engine and these two there is little to do, and this
// does it as the official one does. docs/local-cluster.md lists what is left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// How often the engine is asked whether it is still there: one that was killed says nothing.
const engineCheck = 5 * time.Minute

func main() {
	flag.String("tracing", "", "accepted, and ignored: this host sends no traces")
	flag.Parse()
	logging.InitLogging(false, 0, false)
	if err := serve(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// serve answers the engine at this address until it interrupts or is gone. The line printed is the port to call.
func serve(engine string) error {
	if engine == "" {
		return fmt.Errorf("usage: %s <address of the engine>", filepath.Base(os.Args[0]))
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	stop, interrupt := signal.NotifyContext(context.Background(), os.Interrupt)
	if err := rpcutil.Healthcheck(stop, engine, engineCheck, interrupt); err != nil {
		return err
	}
	leave := make(chan bool)
	go func() {
		<-stop.Done()
		interrupt() // a second signal then ends the process at once
		close(leave)
	}()
	cancelled, cancel := context.WithCancel(context.Background())
	served, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: leave, // calls under way are answered first: one is the program that runs
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{
				engine:    engine,
				executor:  filepath.Join(filepath.Dir(program), "pulumi-language-python-exec"),
				cancelled: cancelled,
				cancel:    cancel,
			})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(served.Port)
	return <-served.Done
}
