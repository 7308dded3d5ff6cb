# Runs in the guest: a Kubernetes node until kubelet ends. The configuration was
# put in place by the host.
set -e
mount /dev/vda /var
mkdir -p /var/lib/kubelet /var/lib/containerd /var/log/pods /var/log/containers
hostname "$(cat /etc/hostname)"
# The pods are in the network of the first node's bridge: eth0 joins the two.
ip link add cni0 type bridge
ip link set eth0 master cni0 up
ip addr add "$NODE_IP/24" dev cni0
ip link set cni0 up
ip route add default via "$GATEWAY"
# As systemd does, and the tests want: it is started again. Its log has colours
# and no names where it goes to a console.
while :; do
	containerd --config /etc/containerd/config.toml 2> >(cat >&2) || true
	echo "containerd ended; starting it again"
	sleep 1
done &
until [ -S /run/containerd/containerd.sock ] && ctr version >/dev/null 2>&1; do sleep 0.2; done
printf '%s\n' /images/* | xargs -n 1 -P 4 ctr -n k8s.io images import
rm /images/* # it is memory
kubelet --config /etc/kubernetes/kubelet.yaml --kubeconfig /etc/kubernetes/kubeconfig --node-ip "$NODE_IP" --v=1 &
wait -n
