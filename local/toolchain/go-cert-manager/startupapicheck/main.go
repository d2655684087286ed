// cert-manager's startupapicheck, for the Job that its chart runs at its end: `check api --wait=1m`.
//
// It succeeds once the API server takes a certificate request, which needs the webhook and what cainjector does.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/cert-manager/cert-manager/pkg/util/cmapichecker"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
)

const pause = 200 * time.Millisecond

func main() {
	pflag.BoolP("verbose", "v", false, "unused; the chart gives it")
	wait := pflag.Duration("wait", time.Minute, "how long to try")
	pflag.Parse()
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	checker, err := cmapichecker.New(config, os.Getenv("POD_NAMESPACE"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *wait)
	defer cancel()
	for {
		if err = checker.Check(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			log.Fatal(err)
		case <-time.After(pause):
		}
	}
}
