"""The kubelet of the embedded cluster: pods as processes of this machine."""
