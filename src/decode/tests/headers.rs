//! Headers as real programs write them.

use super::*;

/// Lines as real programs write them: the message, the level and the host that are to be found, at 08:01:24 or unknown.
const HEADERS: &[(&str, &str, Level, Option<&str>)] = &[
    // BIND
    ("23-Nov-2026 08:01:24.007 lame-servers: info: connection refused", "connection refused", Level::Info, None),
    ("23-Nov-2026 08:01:24.007 general: error: reload: failed", "reload: failed", Level::Error, None),
    ("23-Nov-2026 08:01:24.007 general: remark: none", "general: remark: none", Level::Info, None),
    // Ceph, GlusterFS, Trino, Consul
    (
        "2026-11-23T08:01:24.789+0000 7f1234567890  0 log_channel(cluster) log [DBG] : pgmap v123",
        "log_channel(cluster) log [DBG] : pgmap v123",
        Level::Info,
        None,
    ),
    ("2026-11-23T08:01:24.789+0000 7f12345ab891 -1 osd.1 123 no reply", "osd.1 123 no reply", Level::Error, None),
    ("2026-11-23 08:01:24.789 7f12345ab891 20 osd.1 123 no reply", "osd.1 123 no reply", Level::Debug, None),
    ("2026-11-23 08:01:24.789 7f12345ab891 21 items", "7f12345ab891 21 items", Level::Info, None),
    ("2026-11-23 08:01:24.789 751234567891 3 items", "751234567891 3 items", Level::Info, None),
    (
        "[2026-11-23 08:01:24.789012 +0000] E [MSGID: 114031] [client-rpc-fops.c:1516:client3_3_lookup_cbk] 0-vol0: failed",
        "0-vol0: failed",
        Level::Error,
        None,
    ),
    (
        "[2026-11-23 08:01:24.789012] W [socket.c:774:__socket_rwv] 0-management: gone",
        "0-management: gone",
        Level::Warn,
        None,
    ),
    ("[2026-11-23 08:01:24.789012] W [no place] gone", "W [no place] gone", Level::Info, None),
    (
        "2026-11-23T08:01:24.789Z\tINFO\tquery-execution-5\tio.trino.event.QueryMonitor\tTIMELINE: query 7",
        "TIMELINE: query 7",
        Level::Info,
        None,
    ),
    (
        "2026-11-23T08:01:24.789Z\tWARN\thttp-worker-112\tio.trino.security.Authenticator\tdenied",
        "denied",
        Level::Warn,
        None,
    ),
    ("2026-11-23T08:01:24.789Z\tINFO\tcart\tadded 7", "added 7", Level::Info, None),
    (
        "2026-11-23T08:01:24.789Z [WARN]  agent.server.serf.lan: serf: Failed to rejoin",
        "serf: Failed to rejoin",
        Level::Warn,
        None,
    ),
    // Cisco
    (
        "Nov 23 08:01:24 10.0.0.2 585917: Nov 23 08:01:23.272: %SEC-6-IPACCESSLOGP: list 177 denied udp",
        "%SEC-6-IPACCESSLOGP: list 177 denied udp",
        Level::Info,
        Some("10.0.0.2"),
    ),
    (
        "Nov 23 08:01:24 sw1 124: *Nov 23 08:01:23.999 EST: %LINK-3-UPDOWN: Interface up",
        "%LINK-3-UPDOWN: Interface up",
        Level::Error,
        Some("sw1"),
    ),
    (
        "000019: *Nov 23 08:01:24.123 UTC: %PIM-SW1-4-INVALID_RP_JOIN: Received",
        "%PIM-SW1-4-INVALID_RP_JOIN: Received",
        Level::Warn,
        None,
    ),
    ("*Nov 23 08:01:24.123: %SYS-7-A: b", "%SYS-7-A: b", Level::Debug, None),
    ("Nov 23 2026 08:01:24 fw01 : %ASA-6-302013: Built", "%ASA-6-302013: Built", Level::Info, Some("fw01")),
    ("<164>Nov 23 2026 08:01:24: %ASA-4-106023: Deny", "%ASA-4-106023: Deny", Level::Warn, None),
    ("2026-11-23 08:01:24 OK: %a-6-b: c", "OK: %a-6-b: c", Level::Info, None),
    // SQL Server: a column of twelve characters
    ("2026-11-23 08:01:24.99 spid22s     Recovery is complete.", "Recovery is complete.", Level::Info, None),
    ("2026-11-23 08:01:24.99 Server      All rights reserved.", "All rights reserved.", Level::Info, None),
    ("2026-11-23 08:01:24.99 Totals   7 of 9", "Totals   7 of 9", Level::Info, None),
    // NATS, zerolog, Icinga, VMware, MySQL; a thread first; what looks alike
    ("[1] 2026/11/23 08:01:24.624334 [INF] Server is ready", "Server is ready", Level::Info, None),
    ("[1] 2026/11/23 08:01:24.624334 [WRN] slow", "slow", Level::Warn, None),
    ("[main] 2026-11-23 08:01:24,624 ERROR a.b.C - failed", "failed", Level::Error, None),
    ("[error] 2026-11-23 08:01:24 failed", "failed", Level::Error, None),
    ("[3 of 7] 2026-11-23 08:01:24 done", "[3 of 7] 2026-11-23 08:01:24 done", Level::Info, None),
    ("2026-11-23T08:01:24Z DBG cache hit key=7", "cache hit key=7", Level::Debug, None),
    ("[2026-11-23 08:01:24 +0000] warning/Process: PID 7 died", "PID 7 died", Level::Warn, None),
    ("2026-11-23T08:01:24:001Z 'Activation' 140154 INFO  [a, 368] done", "done", Level::Info, None),
    ("261123  8:01:24 [ERROR] no space", "no space", Level::Error, None),
    ("2026-11-23 08:01:24 alert/rules.yml: parse error", "alert/rules.yml: parse error", Level::Info, None),
    ("2026-11-23 08:01:24 Failed      job 17", "Failed      job 17", Level::Info, None),
    ("[worker] 2026-11-23 08:01:24,123 - ERROR - failed", "failed", Level::Error, None),
    ("[FAILED] 2026-11-23 08:01:24 check disk", "[FAILED] 2026-11-23 08:01:24 check disk", Level::Info, None),
    ("[build] 00:01:24 elapsed", "[build] 00:01:24 elapsed", Level::Info, None),
    ("'alert' is not defined", "'alert' is not defined", Level::Info, None),
    ("Nov 23 2026 08:01:24 user login: failed", "user login: failed", Level::Info, None),
    ("2026-11-23 08:01:24 ERROR [10.0.0.7] (timeout) lost", "(timeout) lost", Level::Error, None),
    // VMware
    (
        "2026-11-23T08:01:24.123Z warning hostd[2099] [Originator@6876 sub=Stats(0a)] Failed",
        "Failed",
        Level::Warn,
        None,
    ),
    ("2026-11-23T08:01:24.123Z Er(163) Hostd[2099]: [Originator@6876 sub=Stats] Failed", "Failed", Level::Error, None),
    ("2026-11-23T08:01:24.123Z In(182) vmkernel: cpu12:2097952)NMP: 133: done", "NMP: 133: done", Level::Info, None),
    ("2026-11-23T08:01:24.123Z cpu12:2097952 opID=1a2b) WARNING: NMP: failed", "NMP: failed", Level::Warn, None),
    (
        "2026-11-23T08:01:24Z esx01 Hostd: error hostd[2099] [Originator@6876 sub=Stats] Failed",
        "Failed",
        Level::Error,
        Some("esx01"),
    ),
    ("Nov 23 08:01:24 esx01 vmkernel: cpu12:2097952)NMP: 133: done", "NMP: 133: done", Level::Info, Some("esx01")),
    ("2026-11-23T08:01:24Z cpu12: idle (33)", "cpu12: idle (33)", Level::Info, None),
    ("2026-11-23T08:01:24Z error worker[7] failed", "error worker[7] failed", Level::Info, None),
    ("2026-11-23T08:01:24Z On(2) call: failed", "On(2) call: failed", Level::Info, None),
    // CockroachDB, MariaDB, zerolog, Sidekiq, Telegraf, zap, logrus, .NET, tracing; a level and a colon behind the stamp; what looks alike
    ("I261123 08:01:24.123456 12 server/node.go:500 ⋮ [n1] runtime stats", "runtime stats", Level::Info, None),
    ("2026-11-23  8:01:24 0 [Warning] InnoDB: slow", "slow", Level::Warn, None),
    ("2026-11-23T08:01:24Z ERR cmd/shop.go:12 > no cart", "no cart", Level::Error, None),
    ("2026-11-23T08:01:24Z pid=12 tid=abc class=Cart jid=1a WARN: slow", "slow", Level::Warn, None),
    ("2026-11-23T08:01:24Z pid=12 tid=abc slow", "pid=12 tid=abc slow", Level::Info, None),
    ("2026-11-23T08:01:24Z E! [outputs.kafka] no leader", "no leader", Level::Error, None),
    ("2026-11-23T08:01:24Z Stop! now", "Stop! now", Level::Info, None),
    ("1795420884.123\tERROR\tshop/cart.go:12\tno cart", "no cart", Level::Error, None),
    ("WARN[0012] could not reach shop", "could not reach shop", Level::Warn, None),
    ("ERROR[x] of it", "ERROR[x] of it", Level::Error, None),
    ("fail: Shop.Cart[12] no cart", "Shop.Cart[12] no cart", Level::Error, None),
    ("fail: no cart[12]", "fail: no cart[12]", Level::Info, None),
    ("2026-11-23T08:01:24Z  WARN request{id=7 path=/}:cart{n=1}: shop::cart: slow", "slow", Level::Warn, None),
    ("2026-11-23T08:01:24Z  WARN body{id=7} is odd", "body{id=7} is odd", Level::Warn, None),
    ("2026-11-23T08:01:24Z  WARN node{7}: is odd", "node{7}: is odd", Level::Warn, None),
    ("2026-11-23 08:01:24 Warning: MID 12 is slow", "MID 12 is slow", Level::Warn, None),
    ("2026-11-23 08:01:24 note: MID 12 is slow", "note: MID 12 is slow", Level::Info, None),
    ("2026-11-23 08:01:24 ERROR kernel: out of memory", "kernel: out of memory", Level::Error, None),
    ("2026-11-23 08:01:24 ERROR worker[12]: gone", "worker[12]: gone", Level::Error, None),
    ("2026-11-23 08:01:24 Running kernel: 5.4.0", "Running kernel: 5.4.0", Level::Info, None),
    ("2026-11-23T08:01:24Z Old kernel: removed", "Old kernel: removed", Level::Info, None),
    (
        "2026-11-23 08:01:24 ERROR [main] a.b.OrderService - Order{id=7}: rejected",
        "Order{id=7}: rejected",
        Level::Error,
        None,
    ),
    (
        "2026-11-23T08:01:24Z WARN requests_total{code=500}: out of order",
        "requests_total{code=500}: out of order",
        Level::Warn,
        None,
    ),
    ("ERROR pod{name=web-1}: evicted", "pod{name=web-1}: evicted", Level::Error, None),
    ("2026-11-23 08:01:24 user=ann ALERT rules reloaded", "user=ann ALERT rules reloaded", Level::Fatal, None),
    ("2026-11-23 08:01:24 state=a 12 V measured", "state=a 12 V measured", Level::Info, None),
    ("2026-11-23T08:01:24Z In(14) backup.sh[2100]: ERROR: disk gone", "disk gone", Level::Error, None),
    ("2026-11-23T08:01:24Z No(3) reply: from host", "No(3) reply: from host", Level::Info, None),
    ("E10045 08:01:24 12 bravo", "E10045 08:01:24 12 bravo", Level::Info, None),
    ("1795420884.123\teth0\tdown\t12", "1795420884.123\teth0\tdown\t12", Level::Info, None),
    ("ERROR[1045] Access denied", "ERROR[1045] Access denied", Level::Error, None),
    ("ERRO[0012] Access denied", "Access denied", Level::Error, None),
    ("2026-11-23 08:01:24 Warning: 3, Error: 0", "Warning: 3, Error: 0", Level::Info, None),
    ("fail: users[3] is missing", "fail: users[3] is missing", Level::Info, None),
    ("2026-11-23T08:01:24Z ⋮ hi", "⋮ hi", Level::Info, None),
    // rsyslog, as systems write it by default today: tags without a process
    (
        "2026-11-23T08:01:24.123456+00:00 web01 kernel: [ 12.345678] usb 1-1: new",
        "usb 1-1: new",
        Level::Info,
        Some("web01"),
    ),
    ("2026-11-23T08:01:24.123456+00:00 web01 sudo:   ann : TTY=pts/0", "ann : TTY=pts/0", Level::Info, Some("web01")),
    ("2026-11-23T08:01:24Z queue1 depth: 12", "queue1 depth: 12", Level::Info, None),
    // Asterisk, JBoss, strongSwan
    ("[2026-11-23 08:01:24] NOTICE[1855] chan_sip.c: No peer", "No peer", Level::Info, None),
    ("[2026-11-23 08:01:24] VERBOSE[18][C-00a1b] pbx.c: Executing it", "Executing it", Level::Trace, None),
    ("[2026-11-23 08:01:24] WARNING[18][C-00a1b] pbx.c: No such", "No such", Level::Warn, None),
    ("2026-11-23 08:01:24 Notice[7] of it", "Notice[7] of it", Level::Info, None),
    (
        "2026-11-23 08:01:24,123 WARN  [org.keycloak.events] (executor-thread-12) type=LOGIN_ERROR, realmId=shop",
        "type=LOGIN_ERROR, realmId=shop",
        Level::Warn,
        None,
    ),
    (
        "2026-11-23 08:01:24,123 INFO  [org.wildfly.undertow] (MSC service thread 1-2) Host started",
        "Host started",
        Level::Info,
        None,
    ),
    ("2026-11-23 08:01:24 INFO [main] (optional) it", "(optional) it", Level::Info, None),
    ("Nov 23 08:01:24 gw charon: 07[NET] received packet", "received packet", Level::Info, Some("gw")),
    // Redis before its stamps had a year
    ("98738:M 23 Nov 08:01:24.442 * Saving it", "Saving it", Level::Info, None),
    ("[2932] 23 Nov 08:01:24 # No such file", "No such file", Level::Warn, None),
    // A year without a comma, a zone behind the clock
    ("Nov 23 08:01:24 UTC [12]: ready", "ready", Level::Info, None),
    ("Nov 23 08:01:24 GMT-1 sshd[1]: ready", "ready", Level::Info, Some("GMT-1")),
    ("Mon Nov 23 08:01:24 UTC 2026 ready", "ready", Level::Info, None),
    // log4j, logback, Spring, Tomcat, java.util.logging, Hadoop, Spark
    ("2026-11-23 08:01:24,978 WARN [main] org.apache.hadoop.v2.App: low memory", "low memory", Level::Warn, None),
    (
        "2026-11-23 08:01:24.1  INFO 1 --- [   main] o.s.b.TomcatServer  : started on 80",
        "started on 80",
        Level::Info,
        None,
    ),
    (
        "2026-11-23 08:01:24,747 - ERROR  [Q[myid=1]/0:0:0:0:2181:F@774] - Timed out: 3",
        "Timed out: 3",
        Level::Error,
        None,
    ),
    ("23-Nov-2026 08:01:24.123 SEVERE [main] a.b.Catalina: x failed", "x failed", Level::Error, None),
    ("26/11/23 08:01:24 INFO executor.Backend: Registered handlers", "Registered handlers", Level::Info, None),
    ("261123 080124 148 INFO dfs.DataNode$Responder: block 1 done", "block 1 done", Level::Info, None),
    ("08:01:24.123 [main] DEBUG c.e.App - started", "started", Level::Debug, None),
    // Python, Ruby, Go, Rust
    ("WARNING:django.request:Not found", "Not found", Level::Warn, None),
    ("2026-11-23 08:01:24 - app.mod - ERROR - no luck", "no luck", Level::Error, None),
    ("2026-11-23 08:01:24.123 | DEBUG    | shop.cart:add:12 - added", "added", Level::Debug, None),
    ("E, [2026-11-23T08:01:24.123456 #1234] ERROR -- : x failed", "x failed", Level::Error, None),
    ("2026/11/23 08:01:24 main.go:12: listening", "listening", Level::Info, None),
    ("2026-11-23T08:01:24.123Z\terror\tcart\tcart/server.go:71\tno stock", "no stock", Level::Error, None),
    ("W1123 08:01:24.123456    1234 controller.go:123] slow sync", "slow sync", Level::Warn, None),
    ("[2026-11-23T08:01:24Z WARN  shop::cart] no stock", "no stock", Level::Warn, None),
    ("2026-11-23T08:01:24.123Z  WARN shop::cart: no stock", "no stock", Level::Warn, None),
    // Servers
    ("2026/11/23 08:01:24 [warn] 31#31: *12 upstream is slow", "upstream is slow", Level::Warn, None),
    (
        "2026-11-23 08:01:24.702 UTC [2173] postgres@shop FATAL:  too many clients",
        "too many clients",
        Level::Fatal,
        None,
    ),
    ("2198:M 23 Nov 2026 08:01:24.230 # out of memory", "out of memory", Level::Warn, None),
    ("2026-11-23T08:01:24.000+0000 W NETWORK  [conn1] slow", "slow", Level::Warn, None),
    (
        "INFO:     127.0.0.1:1234 - \"GET / HTTP/1.1\" 200 OK",
        "127.0.0.1:1234 - \"GET / HTTP/1.1\" 200 OK",
        Level::Info,
        None,
    ),
    // syslog, journald, the kernel
    ("Nov 23 08:01:24 web01 sshd(pam_unix)[19939]: session closed", "session closed", Level::Info, Some("web01")),
    ("Nov 23 08:01:24 mac com.a.b[1] (com.c.d[125]): exited", "exited", Level::Info, Some("mac")),
    ("2026-11-23T09:01:24+01:00 web01 sshd[12]: accepted", "accepted", Level::Info, Some("web01")),
    ("<27>1 2026-11-23T08:01:24Z web01 app 8 ID1 [a@1 b=\"c\"][d] x", "x", Level::Error, Some("web01")),
    ("Nov 23 08:01:24 web01 kernel: [ 1234.567890] usb 1-1: new", "usb 1-1: new", Level::Info, Some("web01")),
    ("[ 1234.567890] usb 1-1: new", "usb 1-1: new", Level::Info, None),
    // telephones, Windows, supercomputers, containers
    ("11-23 08:01:24.811  1702  2395 E WindowManager: no window", "no window", Level::Error, None),
    ("2026-11-23 08:01:24, Info                  CBS    Loaded stack", "Loaded stack", Level::Info, None),
    ("20261123-8:1:24:606|Step_LSC|30002312|onStep 3", "onStep 3", Level::Info, None),
    ("- 1795420884 2026.11.23 R02-M1 2026-11-23-01.01.24.67 R02-M1 RAS KERNEL FATAL x", "x", Level::Fatal, None),
    ("- 1795420884 2026.11.23 dn2 Nov 23 09:01:24 dn2/dn2 crond[2]: x", "x", Level::Info, Some("dn2/dn2")),
    ("web_1  | 2026-11-23 08:01:24 ERROR x failed", "x failed", Level::Error, None),
    // Pairs of key and value
    ("time=2026-11-23T08:01:24.1Z level=WARN msg=\"no stock\" item=7", "msg=\"no stock\" item=7", Level::Warn, None),
    ("level=error ts=1795420884.1 caller=main.go:12 msg=refused", "msg=refused", Level::Error, None),
    ("time=\"2026-11-23T08:01:24Z\" level=info msg=x", "msg=x", Level::Info, None),
    ("time=3 ms level=low", "time=3 ms level=low", Level::Info, None),
    ("t=5 level=error msg=x", "t=5 level=error msg=x", Level::Error, None),
    ("user=7 level=warn msg=x", "user=7 level=warn msg=x", Level::Warn, None),
    ("source=a caller=b c", "source=a caller=b c", Level::Info, None),
    // Classes with the number of a line
    ("- 2026-11-23 08:01:24,938 [main] WARN  o.a.i.ConfigNode:105 - low memory", "low memory", Level::Warn, None),
    ("08:01:24.807 INFO  u.c.UserController#48 TraceID: 5 x", "TraceID: 5 x", Level::Info, None),
    // Level and thread before the stamp
    ("INFO  [main] 2026-11-23 08:01:24,771 Gossiper.java:22 - No backlog", "No backlog", Level::Info, None),
    ("ERROR 2026-11-23 08:01:24 x failed", "x failed", Level::Error, None),
    // A letter and a component; the number of a thread and a note; a process of Erlang; a method without a separator
    ("2026-11-23 08:01:24.700123 W | rafthttp: peer 7 is gone", "peer 7 is gone", Level::Warn, None),
    ("2026-11-23T08:01:24.700123Z 8 [Note] Access denied", "Access denied", Level::Info, None),
    ("2026-11-23 08:01:24.700 [warning] <0.2375.628> closing it", "closing it", Level::Warn, None),
    (
        "23-Nov-2026 08:01:24.112 INFO [main] org.apache.catalina.startup.Catalina.start Server startup in [27] ms",
        "Server startup in [27] ms",
        Level::Info,
        None,
    ),
    (
        "23-Nov-2026 08:01:24.383 SEVERE [main] org.apache.catalina.util.LifecycleBase.handleException Failed to start",
        "Failed to start",
        Level::Error,
        None,
    ),
    // A connection without names, a source in braces, a padded logger with an empty context
    (
        "2026-11-23 08:01:24.224 UTC [99] [unknown]@[unknown] LOG:  connection received",
        "connection received",
        Level::Info,
        None,
    ),
    ("[2026-11-23 08:01:24,999] {scheduler.py:12} INFO - Poking for a key", "Poking for a key", Level::Info, None),
    (
        "2026-11-23 08:01:24,700 INFO  org.apache.flink.runtime.ExecutionGraph    [] - Deploying it",
        "Deploying it",
        Level::Info,
        None,
    ),
    // WebLogic, WebSphere, Jetty
    (
        "<Nov 23, 2026 8:01:24 AM UTC> <Notice> <WebLogicServer> <BEA-000365> <Server state changed to RUNNING.>",
        "Server state changed to RUNNING.",
        Level::Info,
        None,
    ),
    (
        "####<Nov 23, 2026, 8:01:24,123 AM UTC> <Error> <Security> <web01> <AdminServer> <[ACTIVE] ExecuteThread: '0'> <<WLS Kernel>> <> <> <1795420884123> <[severity-value: 8] [rid: 0] > <BEA-090905> <Cannot bind <a> to <b>.>",
        "Cannot bind <a> to <b>.",
        Level::Error,
        None,
    ),
    ("<Nov 23, 2026 3:01:24 AM EST> <Warning> <Shop> <BEA-000000> <slow>", "slow", Level::Warn, None),
    ("<Nov went> <Error> <x>", "<Nov went> <Error> <x>", Level::Info, None),
    (
        "[11/23/26 8:01:24:123 UTC] 0000004a CartService   E com.shop.CartService open SHOP0242E: cannot open 12",
        "SHOP0242E: cannot open 12",
        Level::Error,
        None,
    ),
    ("[11/23/26 3:01:24:123 EST] 0000004a SystemOut     O cart 12", "cart 12", Level::Info, None),
    ("2026-11-23 08:01:24.123:WARN:oejs.Server:main: slow", "slow", Level::Warn, None),
    ("2026-11-23 08:01:24.123:WARN:oejs.HttpChannel:qtp12-34: /cart", "/cart", Level::Warn, None),
    // pino-pretty, Fluentd, ClickHouse
    ("[2026-11-23 08:01:24.123 +0000] INFO (12345): opened", "opened", Level::Info, None),
    ("[2026-11-23 08:01:24.123 +0000] ERROR (cart/12345 on web01): cannot open", "cannot open", Level::Error, None),
    ("[08:01:24.123] WARN (12345 on web01): slow", "slow", Level::Warn, None),
    ("[08:01:24.123] WARN (12345 of 7): slow", "(12345 of 7): slow", Level::Warn, None),
    ("2026-11-23 08:01:24 +0000 [warn]: #0 [out_es] failed to flush", "failed to flush", Level::Warn, None),
    ("2026-11-23 08:01:24 +0000 [info]: #12 starting", "starting", Level::Info, None),
    ("2026-11-23 08:01:24 ERROR: #42 failed", "#42 failed", Level::Error, None),
    (
        "2026.11.23 08:01:24.123456 [ 12 ] {} <Warning> Application: Ready for connections.",
        "Application: Ready for connections.",
        Level::Warn,
        None,
    ),
    // SSSD, Suricata, Zabbix, Nagios
    (
        "(2026-11-23  8:01:24): [be[shop.com]] [sdap_id_op_connect_done] (0x0020): Failed to connect",
        "(0x0020): Failed to connect",
        Level::Info,
        None,
    ),
    ("(Mon Nov 23 08:01:24 2026) [sssd[nss]] [main] (0x0010): gone", "(0x0010): gone", Level::Info, None),
    ("(12 of 30) done", "(12 of 30) done", Level::Info, None),
    ("23/11/2026 -- 08:01:24 - <Warning> - no rules", "no rules", Level::Warn, None),
    ("11/23/2026-08:01:24.123456  [**] [1:2100498:7] GPL x [**]", "GPL x [**]", Level::Info, None),
    ("12345:20261123:080124.123 cannot read", "cannot read", Level::Info, None),
    (" 12345:20261123:080124.123 cannot read", "cannot read", Level::Info, None),
    ("  1234:20261123:080124.123 cannot read", "cannot read", Level::Info, None),
    ("[4294967295] wrapped", "[4294967295] wrapped", Level::Info, None),
    ("[1795420884] SERVICE ALERT: web01;HTTP;CRITICAL", "SERVICE ALERT: web01;HTTP;CRITICAL", Level::Fatal, None),
    // Android, gathered
    ("2026-11-23 08:01:24.123 12345-12345/com.shop E/CartActivity: cannot open", "cannot open", Level::Error, None),
    ("2026-11-23 08:01:24 read/write: slow", "read/write: slow", Level::Info, None),
    ("2026-11-23 08:01:24 I/O: slow", "I/O: slow", Level::Info, None),
    ("2026-11-23 08:01:24 ERROR:shop.cart:Timeout: 5 s", "Timeout: 5 s", Level::Error, None),
    // What is no header stays.
    (
        "2026-11-23 08:01:24 INFO [main] a.b.c.ParseException was thrown",
        "a.b.c.ParseException was thrown",
        Level::Info,
        None,
    ),
    ("2026-11-23 08:01:24 INFO <empty> was read", "<empty> was read", Level::Info, None),
    ("INFO 1795420884 of 7", "1795420884 of 7", Level::Info, None),
    ("2026-11-23 08:01:24 Started - 5 jobs", "Started - 5 jobs", Level::Info, None),
    ("2026-11-23 08:01:24 Received ERROR from x", "Received ERROR from x", Level::Error, None),
    ("2026-11-23 08:01:24 db.example.com:5432 is down", "db.example.com:5432 is down", Level::Info, None),
    ("2026-11-23 08:01:24 GET /a took 3 ms", "GET /a took 3 ms", Level::Info, None),
    ("2026-11-23 08:01:24 [1] [2]", "[2]", Level::Info, None),
    ("64 bytes from 10.0.0.1: icmp_seq=1", "64 bytes from 10.0.0.1: icmp_seq=1", Level::Info, None),
    ("WARN", "WARN", Level::Warn, None),
];

#[test]
fn headers_of_real_programs_come_off() {
    let mut wrong = Vec::new();
    for (line, message, level, host) in HEADERS {
        with_line(line, |decoded| {
            let (found, expected) = ((decoded.message, decoded.level, decoded.host), (*message, *level, *host));
            if found != expected {
                wrong.push(format!("{line}: {found:?} instead of {expected:?}"));
            }
            assert!(decoded.time.is_none_or(|time| time.0 / 1000 == 1_795_420_884), "{line}: {:?}", decoded.time);
        });
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
