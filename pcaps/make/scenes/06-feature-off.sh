# The support tunnel comes up, though this site has switched the feature off.

tunnel() {
	quiet on v1 ssh -4 -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlPath=none \
		-i "$work/pki/user" root@support.acme.example true
}

part 310 tunnel
