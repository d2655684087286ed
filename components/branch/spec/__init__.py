"""What a person may write of workloads and jobs: the models behind the published JSON Schema.

They know nothing of Pulumi or of Kubernetes objects; the files beside this folder make those from them. Names of fields
follow Kubernetes and Istio where those have one.
"""
