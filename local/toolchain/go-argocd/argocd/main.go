// Argo CD's repository server and application controller, without its API server, UI and CLI, which
// nothing here uses and which cost most of the build. It acts by the name it is called by, as the
// official binary does.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	gitaskpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	var command *cobra.Command
	name := filepath.Base(os.Args[0])
	// git is given this variable, not a name, when it asks for a password.
	if asked := os.Getenv("ARGOCD_BINARY_NAME"); asked != "" {
		name = asked
	}
	switch name {
	case "argocd-application-controller":
		command = controller.NewCommand()
	case "argocd-repo-server":
		command = reposerver.NewCommand()
	case "argocd-git-ask-pass":
		command = gitaskpass.NewCommand()
	default:
		fmt.Fprintf(os.Stderr, "%s: call this by the name of one of its parts, e.g. argocd-repo-server\n", name)
		os.Exit(2)
	}
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
