# Another host of the site logs in to vault-1 over SSH, which the product does not offer.

login() {
	quiet on client ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlPath=none \
		-i "$work/pki/user" root@10.20.4.16 true
}

part 340 login
