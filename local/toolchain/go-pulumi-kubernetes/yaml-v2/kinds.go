// What the provider needs of the SDK's package `yaml/v2`: how an object of a chart becomes a resource. It stands in the
// place of the SDK's own kinds.go (`Replacement` in local/toolchain/replacement.py), which does the same with a type of
// its own for each of 157 kinds: 26 MB of source, a third of the provider's build, whose fields the provider never reads.
package v2

import (
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RegisterResource registers an object under the type that its API version and kind have in Pulumi.
func RegisterResource(ctx *pulumi.Context, apiVersion, kind, name string, props pulumi.Input,
	opts ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	group := apiVersion
	if apiVersion == "v1" {
		group = "core/v1"
	}
	var resource apiextensions.CustomResource
	token := fmt.Sprintf("kubernetes:%s:%s", group, kind)
	if err := ctx.RegisterResource(token, name, props, &resource, opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}
