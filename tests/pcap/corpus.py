"""The corpus: expressions of every kind that libpcap has for Ethernet. tests/pcap/test_agreement.py has them judged."""

from __future__ import annotations

PROTOCOLS = """
ip; ip6; arp; rarp; tcp; udp; icmp; icmp6; sctp; igmp; pim; vrrp; ah; esp; carp; ip proto 6; ip6 proto 17; ip proto 47
proto 17; ip proto \\icmp; ip6 proto \\tcp; ether proto 0x0800; ether proto \\ip6; ether proto 0x88cc; not ip; not ip6
not tcp; not arp; ip or ip6; ip or arp; tcp or udp; tcp or udp or icmp or icmp6; not (tcp or udp); ip and not tcp
ip6 and not udp; stp; iso; ipx; netbeui; atalk; decnet; lat; llc; llc i; llc s; llc u; not llc; ether proto 0x8847
ip and (tcp or udp); (ip or ip6) and (tcp or sctp)
"""

HOSTS = """
host 198.51.100.7; host 192.0.2.10; src host 198.51.100.7; dst host 192.0.2.10; src 198.51.100.7; dst 192.0.2.10
host 198.51.100.7 and 192.0.2.10; host 198.51.100.7 or 203.0.113.9; not host 203.0.113.9; not src host 198.51.100.7
src host 198.51.100.7 and dst host 192.0.2.10; host 2001:db8::1; src host 2001:db8::1; dst host 2001:db8::2
host 2001:db8::2 and tcp; ip6 host 2001:db8::1; ip host 192.0.2.10; not ip6 host 2001:db8:5::9; arp host 192.0.2.10
host 127.0.0.1; host ::1; not host ::1; host 192.0.2.10 or host 2001:db8::2; src host 192.0.2.1; dst host 224.0.0.1
host 198.51.100.7 and not port 53; src or dst 192.0.2.10; ether host 02:00:00:00:0c:01; ether src 02:00:00:00:0c:01
ether dst 02:00:00:00:0f:01; not ether dst ff:ff:ff:ff:ff:ff; ether broadcast; ether multicast; not ether broadcast
not ether multicast; broadcast; multicast; ip multicast; ip6 multicast; not multicast
ether src 02:00:00:00:0c:01 and tcp; ether dst 02:00:00:00:0f:01 and not arp; src and dst 127.0.0.1
"""

NETS = """
net 198.51.100.0/24; net 192.0.2.0/24; src net 198.51.100.0/24; dst net 192.0.2.0/28; net 198.51; net 198.51.100
net 198.51.100.0 mask 255.255.255.0; src net 0.0.0.0/0; dst net 192.0.0.0/8; not net 10.0.0.0/8
not src net 203.0.113.0/24; src net 128.0.0.0/1; src net 198.51.100.6/31; net 127; ip6 net 2001:db8::/32
src net 2001:db8::/48; dst net 2001:db8::/64; net 2001:db8::/127; not net 2001:db8:5::/48; net ::/0; net 2000::/3
dst net 2001:db8::2/128; src net 2001:db8::/33; net 192.0.2.0/24 or net 2001:db8::/32; src net 198.51.100.0/24 and tcp
not (src net 203.0.113.0/24 or src net 2001:db8:5::/48); tcp and src net 203.0.113.0/24; udp and src net 198.51.0.0/16
net 198.51.100.0/25 and not dst port 22; arp net 198.51.100.0/24
"""

PORTS = """
port 80; port 443; port 53; tcp port 80; udp port 53; src port 53; dst port 443; tcp dst port 80; tcp src port 40000
udp src port 53; tcp dst port 80 or 443; tcp dst port 80 or 443 or 22 or 8080; port 80 or port 443; not port 22
not tcp port 22; port http; tcp port https; port domain; udp port ntp; portrange 1-1023; portrange 1-65535
tcp portrange 1-1023; dst portrange 0-1023; src portrange 40000-65535; tcp dst portrange 80-443; udp portrange 53-123
not portrange 6000-6063; src portrange 1024-65535; tcp portrange 440-450; tcp src portrange 30000-60000; sctp port 80
sctp dst port 90; ip and tcp port 443; ip6 and tcp port 443; ip6 and tcp dst portrange 1-1024
port 80 and host 198.51.100.7; tcp and dst port 80 or 22; tcp and (dst port 80 or dst port 443); udp and not port 53
src port 40000 and dst port 443; tcp and not dst port 443; udp and dst portrange 1-65535; port 6081; not udp port 123
tcp src port 40000 or udp src port 40000; dst port 80 or dst port 443 or dst port 22 or dst port 53
portrange ssh-https; tcp src port 40000 and (dst port 80 or dst port 443 or dst port 8080); not (port 80 or port 443)
src portrange 0-65535
"""

FLAGS = """
tcp[tcpflags] & tcp-syn != 0; tcp[tcpflags] & tcp-ack != 0; tcp[tcpflags] == tcp-syn
tcp[tcpflags] & (tcp-syn|tcp-ack) != 0; tcp[13] = 2; tcp[13] & 2 != 0; tcp[13] & 0x12 = 0x12
tcp[tcpflags] & (tcp-rst|tcp-fin) = 0; tcp[tcpflags] & tcp-rst != 0
tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and src net 198.51.0.0/16; tcp[tcpflags] & tcp-push != 0; tcp[13] != 0
tcp[13] > 1; tcp[tcpflags] & (tcp-fin|tcp-syn|tcp-rst|tcp-push|tcp-ack|tcp-urg) != 0; tcp[tcpflags] & tcp-urg = 0
tcp[13] & 0xc0 = 0; ip6[53] & 2 != 0; ip6[40+13] & 0x12 != 0; ip6[6] = 6 and ip6[53] = 2; icmp[icmptype] = icmp-echo
icmp[0] != 0; icmp6[icmp6type] = 128; icmp[icmptype] != icmp-echo; icmp[icmpcode] = 0; icmp6[0] > 100
tcp[tcpflags] & tcp-ece = 0 and tcp[tcpflags] & tcp-cwr = 0
"""

BYTES = """
ip[0] = 0x45; ip[0] & 0xf > 5; ip[0] >> 4 = 4; ip[8] > 30; ip[8] < 64; ip[8] = 57; ip[9] = 6; ip[1] = 0
ip[6:2] & 0x1fff = 0; ip[6:2] & 0x4000 != 0; ip[6:2] & 0x3fff != 0; ip[2:2] > 40; ip[2:2] <= 1500
ip[12:4] = 0xc6336407; ip[16:4] = 0xc000020a; ip[16] = 192; ip6[0] & 0xf0 = 0x60; ip6[6] = 6; ip6[7] > 10
ip6[4:2] > 20; ip6[8:4] = 0x20010db8; ip6[24:4] = 0x20010db8; ip6[40:2] = 40000; ether[0] = 2; ether[0] & 1 = 0
ether[0:4] = 0x02000000; ether[12:2] = 0x0800; ether[12:2] > 0x600; ether[6:4] = 0x02000000; ether[5] = 1
ether[10:4] = 0x0c010800; ether[11:2] = 0x0108; ether[11] = 1; ether[8:4] = 0xc01; ether[9:4] & 0xff = 8
ether[11:4] > 0; ether[13] = 0; ether[14] = 0x45; ether[23] = 6; ether[54] = 0; ether[60] >= 0; ether[66:4] != 0
ether[100] = 46; ether[200:2] != 0; ether[1400] > 1; ether[1400:4] >= 0; ether[3500] >= 0; ether[3518:4] >= 0
ether[3520:2] >= 0; ether[4000:4] > 0; ether[8900] > 1; ether[70000] >= 0; tcp[0:2] = 40000; tcp[2:2] < 1024
tcp[4:4] = 0xdeadbeef; tcp[4:4] != 1; tcp[14:2] > 1000; tcp[14:2] != 0; tcp[12] & 0xf0 > 0x50
tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420; tcp[(tcp[12] >> 2)&0x3c:2] = 0x4745; tcp[18:2] = 0; tcp[20] = 2
tcp[100] > 0; udp[0:2] = 53; udp[4:2] > 20; udp[6:2] = 0; udp[8:2] = 0x1234; udp[10] & 0x80 != 0
udp[2:2] = 53 or udp[0:2] = 53; udp[4:2] < 512; ether[ether[5]] = 0; ether[ether[5] + 4] = 0
ether[ether[5] + 9:4] > 0; ether[ether[5] + 10:2] = 0x0108; ether[ether[14] & 0xf:2] >= 0
ether[(ether[14] & 0xf) * 4 + 2:4] >= 0; ether[ip[2:2]] >= 0; ether[ip[2:2] + 10:4] >= 0; ether[len - 1] >= 0
ether[len - 4:4] >= 0; ether[len - 3:4] >= 0; ip[ip[2:2] - 1] >= 0; ip[ip[2:2]:2] >= 0; ip[65535] >= 0
ether[len * len] = 1
"""

ARITHMETIC = """
ip[2:2] - ((ip[0] & 0xf) << 2) > 20; ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0; len > 60; len < 1500
len <= 60; len >= 54; len != 60; len = 74; greater 60; less 100; greater 1500; less 1514; not less 54; len % 2 = 0
len / 2 > 30; len * 2 > 100; len & 1 = 0; len | 1 > 50; len ^ 0xff != 0; len << 3 > 500; len >> 4 < 10
len - 14 = ip[2:2]; len - ip[2:2] >= 14; len / ip[8] > 0; len % ip[8] != 3; 1000 / ip[1] > 1; len / (ip[8] - 57) > 1
(ip[8] * ip[8]) > 3000; 1 << ip[0] != 0; 1 << (ip[0] & 31) > 0; 0xffffffff >> (ip[8] & 0x1f) > 1
0xffffffff >> ip[8] = 0; ip[8] << ip[8] = 0; ip[8] << 2 = 228; ip[12:4] + 1 > 0; ip[12:4] - 0xffffffff != 0
ip[12:4] & 0xffffff00 = 0xc6336400; ip[12:4] | ip[16:4] != 0; ip[12:4] ^ ip[16:4] != 0; ip[4:2] * 0x10001 = 0x12341234
0 - ip[8] > 1000; -1 = 0xffffffff; ip[8] = ip[8]; tcp[0:2] > tcp[2:2]; tcp[0:2] + tcp[2:2] > 40000
(tcp[0:2] - tcp[2:2]) & 0xffff > 100; udp[0:2] != udp[2:2]; ip[8] * 2 - 1 = 113; (ip[8] + len) / 2 < 200
len - 14 > ip[2:2]; ip[2:2] + 14 = len and tcp; 5 > 3; 3 > 5 or ip; len = len; ip6[4:2] + 54 = len
(ip6[4:2] + 54) <= len; ip[0] & 0xf << 2 >= 20
"""

TAGGED = """
vlan; not vlan; vlan 5; vlan 7; vlan and tcp; vlan 5 and ip; vlan and vlan; vlan 7 and vlan 5; vlan and ip6
vlan and tcp port 80; vlan and vlan and tcp; vlan 5 and tcp dst port 80; vlan and mpls; not (vlan 7); not vlan and tcp
ip or (vlan and ip); tcp or (vlan and tcp); vlan and ether[12:2] = 0x8100; vlan or tcp; vlan and len > 60
vlan or len > 50; not vlan or ip; vlan 6; vlan 1 and vlan 2 and vlan 3; vlan or ether[14] & 0xf0 = 0x40
vlan and udp port 53 or icmp; ip or ip6 or vlan; not vlan 4095; vlan or (ether[12:2] & 0xff00 = 0x0800)
"""

SHIMS = """
mpls; not mpls; mpls 100; mpls 101; mpls and mpls; mpls and tcp; mpls 100 and mpls 101 and host 192.0.2.10
mpls and ip; pppoed; pppoes; pppoes and ip; pppoes and tcp port 443; pppoes 17; not pppoes; not pppoed; geneve
not geneve; geneve 42; geneve and tcp
"""

JOINED = """
(tcp dst port 80 or tcp dst port 443) and not src net 203.0.113.0/24; tcp and greater 60 and not dst port 22
not (udp and src port 53) and not icmp; ip and (tcp[13] & 2 != 0 or udp); (ip and ip[8] < 64) or (ip6 and ip6[7] < 64)
udp and (src port 53 or 123 or 1900 or 11211); not (ip[6:2] & 0x3fff != 0)
tcp and len < 1515 and ip[6:2] & 0x2000 = 0
src net 198.51.100.0/24 or src net 2001:db8::/32 or src net 203.0.113.0/24
host 192.0.2.10 and (port 80 or port 443) and not udp; tcp and not (tcp[tcpflags] = 0) and not (src port 0)
not ether src 02:00:00:00:0c:02 and (ip or ip6); ip or ip6 or arp or mpls; (ip[0] & 0xf = 5 or ip6) and (tcp or udp)
tcp dst port 443 and tcp[tcpflags] & tcp-syn = 0; not (tcp[13] = 0x12) and ip; (udp or tcp) and not portrange 100-200
icmp or icmp6 or udp or tcp; not (src port 53 and udp); not ip[8] = 1 and not ip6[7] = 1
"""

KINDS = (PROTOCOLS, HOSTS, NETS, PORTS, FLAGS, BYTES, ARITHMETIC, TAGGED, SHIMS, JOINED)
EXPRESSIONS = [text.strip() for kind in KINDS for line in kind.strip().splitlines() for text in line.split(";")]
