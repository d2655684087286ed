// cert-manager's webhook, for the pods of its chart. All of it is in the root module; the command around it is not.
package main

import (
	"context"
	"log"
	"os/signal"
	"syscall"

	"github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
	"github.com/spf13/pflag"
)

func main() {
	configuration, err := options.NewWebhookConfiguration()
	if err != nil {
		log.Fatal(err)
	}
	options.AddConfigFlags(pflag.CommandLine, configuration)
	pflag.Parse()
	logs.InitLogs()
	defer logs.FlushLogs()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server, err := webhook.NewCertManagerWebhookServer(logs.Log, *configuration)
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
