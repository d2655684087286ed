// The official Kubernetes provider. Its module is served, its release is not, so the command is made here: the release
// embeds a schema that a generator has put a version into; here the module's own lies beside the program.
// The mapping of Terraform's resources, which only `pulumi convert` asks for, is left out.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// The SDK that it serves, whose version the engine compares with this one, and the day of its source, which the engine
// does not compare: the newest source that can be had is older than the SDK.
const version = "4.34.2+source.20260115"

func main() {
	program, err := os.Executable()
	if err != nil {
		exit(err)
	}
	schema, err := os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		exit(err)
	}
	provider.Serve("kubernetes", version, schema, []byte("{}"))
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
