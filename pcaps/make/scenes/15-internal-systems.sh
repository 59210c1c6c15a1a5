# Every node talks to a system of the site that nobody declared: MQTT, MySQL, SMB.

password=not-a-real-password

mqtt() { on v1 mosquitto_pub -V mqttv311 -i vault-1 -h 10.20.3.8 -u svc-vault -P $password -t vault/state -m unsealed; }
mysql() { quiet on v2 mariadb --no-defaults --protocol=tcp -h 10.20.3.8 -u svc-vault -p$password -e 'select 1'; }
smb() {
	quiet on v3 smbclient -s "$work/smb.conf" -n vault-3 -U "svc-vault%$password" -c ls //10.20.3.8/share
}

start_mqtt shelf 10.20.3.8
start_mysql shelf 10.20.3.8
start_smb shelf 10.20.3.8

part 560 mqtt
part 570 mysql
part 580 smb
