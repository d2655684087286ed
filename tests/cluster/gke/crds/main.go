// Prints the CustomResourceDefinitions that GKE's ingress controller installs in every cluster.
// They exist only as Go code, which the controller turns into objects at its start.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/fake"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	backendconfig "k8s.io/ingress-gce/pkg/apis/backendconfig/v1"
	frontendconfig "k8s.io/ingress-gce/pkg/apis/frontendconfig/v1beta1"
	"k8s.io/ingress-gce/pkg/crd"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/testing"
	"k8s.io/klog/v2"
)

func main() {
	metas := []*crd.CRDMeta{
		crd.NewCRDMeta("cloud.google.com", "BackendConfig", "BackendConfigList", "backendconfig", "backendconfigs",
			[]*crd.Version{crd.NewVersion("v1", "k8s.io/ingress-gce/pkg/apis/backendconfig/v1.BackendConfig",
				backendconfig.GetOpenAPIDefinitions, false)}),
		crd.NewCRDMeta("networking.gke.io", "FrontendConfig", "FrontendConfigList", "frontendconfig", "frontendconfigs",
			[]*crd.Version{crd.NewVersion("v1beta1", "k8s.io/ingress-gce/pkg/apis/frontendconfig/v1beta1.FrontendConfig",
				frontendconfig.GetOpenAPIDefinitions, false)}),
	}
	client := fake.NewSimpleClientset()
	// The handler waits until the server has taken the definition in, which a fake one never says.
	client.PrependReactor("create", "*", func(action testing.Action) (bool, runtime.Object, error) {
		made := action.(testing.CreateAction).GetObject().(*apiextensions.CustomResourceDefinition)
		made.Status.Conditions = []apiextensions.CustomResourceDefinitionCondition{
			{Type: apiextensions.Established, Status: apiextensions.ConditionTrue},
		}
		return false, nil, nil
	})
	handler := crd.NewCRDHandler(client, klog.Background())
	for _, meta := range metas {
		made, err := handler.EnsureCRD(meta, true)
		if err != nil {
			panic(err)
		}
		made.TypeMeta = metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"}
		made.Status = apiextensions.CustomResourceDefinitionStatus{}
		if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
			panic(err)
		}
	}
}
