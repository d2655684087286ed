// NetworkPolicies, kept by the controller of kube-network-policies: it judges the first packet of a connection by what the
// API server says at that moment, so a new pod waits for no rules to be written.
//
// Its own rules use nftables' queue statement, which some kernels lack. Those here say the same to iptables' NFQUEUE, and
// one thing more: what pods send to the node itself is judged as well.
package main

import (
	"context"
	"flag"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/coreos/go-iptables/iptables"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

const (
	table = "mangle"
	queue = 100
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file that says where the API server is")
	node := flag.String("node", "", "name of the node whose pods are guarded")
	pods := flag.String("pod-cidr", "", "addresses of its pods")
	flag.Parse()
	stop, done := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer done()
	if err := guard(stop, *kubeconfig, *node, *pods); err != nil {
		klog.Fatal(err)
	}
}

func guard(stop context.Context, kubeconfig, node, pods string) error {
	connection, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(connection)
	if err != nil {
		return err
	}
	if err := askFor(pods); err != nil {
		return err
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	controller, err := networkpolicy.NewController(
		client,
		shared.Networking().V1().NetworkPolicies(),
		shared.Core().V1().Namespaces(),
		shared.Core().V1().Pods(),
		nil, nil, nil, nil,
		networkpolicy.Config{NodeName: node, QueueID: queue},
	)
	if err != nil {
		return err
	}
	shared.Start(stop.Done())
	return controller.Run(stop)
}

// askFor sends the first packets of all connections of pods to the queue. Where nobody listens to it, they pass: the
// cluster starts before this does.
func askFor(pods string) error {
	tables, err := iptables.New()
	if err != nil {
		return err
	}
	judged := []string{"-j", "NFQUEUE", "--queue-num", strconv.Itoa(queue), "--queue-bypass"}
	known := []string{"-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"}
	rules := []struct {
		chain string
		rule  []string
	}{
		{"INPUT", known},
		{"INPUT", append([]string{"-s", pods}, judged...)},
		// The node's own processes: kubelet's probes, the gateway.
		{"POSTROUTING", []string{"-m", "owner", "--uid-owner", "0", "-j", "ACCEPT"}},
		{"POSTROUTING", known},
		{"POSTROUTING", append([]string{"-s", pods}, judged...)},
		{"POSTROUTING", append([]string{"-d", pods}, judged...)},
	}
	for _, each := range rules {
		if err := tables.AppendUnique(table, each.chain, each.rule...); err != nil {
			return err
		}
	}
	return nil
}
