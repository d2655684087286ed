"""How requests reach the cluster: load balancer, certificates, DNS records, the Istio Gateway."""
