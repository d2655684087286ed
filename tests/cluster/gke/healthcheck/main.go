// Prints the health check that GKE's ingress controller makes for pods that are reached without a node in between, with
// what the BackendConfig on the standard input says.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/ingress-gce/pkg/annotations"
	backendconfig "k8s.io/ingress-gce/pkg/apis/backendconfig/v1"
	"k8s.io/ingress-gce/pkg/translator"
	"k8s.io/klog/v2"
)

func main() {
	var given backendconfig.BackendConfig
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	made := translator.DefaultNEGHealthCheck(annotations.ProtocolHTTP, klog.Background())
	made.UpdateFromBackendConfig(given.Spec.HealthCheck, klog.Background())
	if err := json.NewEncoder(os.Stdout).Encode(made.HealthCheck); err != nil {
		panic(err)
	}
}
