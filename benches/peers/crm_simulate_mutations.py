"""Changes to CIBs at random, for crm_simulate_fuzz.py: options, meta-attributes, states, histories, constraints, structure."""
import copy, random
import xml.etree.ElementTree as ET

# new names of cluster options, and what 2.1.5 calls them
OPT = {"fencing-enabled":"stonith-enabled","fencing-action":"stonith-action","fencing-timeout":"stonith-timeout","fencing-reaction":"fence-reaction","fencing-watchdog-timeout":"stonith-watchdog-timeout","fencing-max-attempts":"stonith-max-attempts","stop-removed-resources":"stop-orphan-resources","cancel-removed-actions":"stop-orphan-actions"}

R = random.Random()
def pick(x): x = list(x); return R.choice(x) if x else None
def sec(root, name):
    c = root.find("configuration"); e = c.find(name)
    if e is None:
        e = ET.Element(name)
        order = ["crm_config","rsc_defaults","op_defaults","nodes","resources","constraints"]
        c.append(e)
    return e
uid = [0]
def nid(p="fz"): uid[0] += 1; return f"{p}-{uid[0]}"
def nodes(root): return [n.get("uname") for n in root.iterfind("configuration/nodes/node")]
def prims(root): return [p for p in root.find("configuration/resources").iter("primitive")]
def ress(root): return [p for p in root.find("configuration/resources").iter() if p.tag in ("primitive","group","clone","master","bundle")]
def tops(root): return list(root.find("configuration/resources"))
def setnv(parent, tag, name, value, front=True):
    s = parent.find(tag)
    if s is None or s.get("id-ref"):
        s = ET.Element(tag, id=nid("set"))
        # schema: order is free among meta/instance attributes in primitive mostly, before operations? put at the start
        pos = 0
        parent.insert(pos, s)
    for n in s.findall("nvpair"):
        if n.get("name") == name: n.set("value", value); return
    ET.SubElement(s, "nvpair", id=nid("nv"), name=name, value=value)
SCORES = ["0","1","10","50","100","500","1000","-1","-10","-100","INFINITY","-INFINITY","INFINITY","-INFINITY","999999"]
ROLES = ["Started","Stopped","Promoted","Unpromoted"]
OPTIONS = {"no-quorum-policy":["stop","freeze","ignore","demote","suicide"],"symmetric-cluster":["true","false"],"fencing-enabled":["true","false"],"fencing-action":["off","reboot"],
 "stop-all-resources":["true"],"maintenance-mode":["true"],"placement-strategy":["default","utilization","minimal","balanced"],"start-failure-is-fatal":["true","false"],"enable-startup-probes":["false"],
 "stop-removed-resources":["true","false"],"cancel-removed-actions":["false","true"],"concurrent-fencing":["true","false"],"startup-fencing":["true","false"],
 "node-health-strategy":["none","migrate-on-red","only-green","progressive","custom"],"node-health-red":["-100","0","-INFINITY"],"node-health-yellow":["-10","0"],"node-health-green":["10","0"],"node-health-base":["0","100"],
 "shutdown-lock":["true"],"shutdown-lock-limit":["1min","0","2h"],"priority-fencing-delay":["15s","30"],"cluster-delay":["30s"],"batch-limit":["5"],"migration-limit":["1","0"],"have-watchdog":["true"],"fencing-watchdog-timeout":["10","-1","0"],"fencing-timeout":["20s"]}
METAS = {"target-role":ROLES+["Master","Slave"],"is-managed":["true","false"],"resource-stickiness":["0","1","100","INFINITY","-1"],"priority":["0","1","10","-5","INFINITY"],"migration-threshold":["0","1","2","3","INFINITY"],
 "failure-timeout":["0","10s","1min","100000d"],"multiple-active":["block","stop_only","stop_start","stop_unexpected"],"requires":["nothing","quorum","fencing","unfencing"],"allow-migrate":["true","false"],"critical":["true","false"],"maintenance":["true","false"],
 "clone-max":["0","1","2","3","5"],"clone-node-max":["1","2","3"],"promoted-max":["0","1","2","3"],"promoted-node-max":["1","2"],"interleave":["true","false"],"ordered":["true","false"],"notify":["true","false"],"globally-unique":["true","false"],"clone-min":["1","2"],"promotable":["true","false"],"allow-unhealthy-nodes":["true"]}
CLONE = ("clone-max","clone-node-max","promoted-max","promoted-node-max","interleave","ordered","notify","globally-unique","clone-min","promotable")
def m_option(root):
    c = sec(root,"crm_config"); k = pick(OPTIONS); v = pick(OPTIONS[k])
    for n in c.iter("nvpair"):
        if n.get("name") in (k, OPT.get(k)): n.set("value", v); return f"option {k}={v}"
    s = c.find("cluster_property_set")
    if s is None: s = ET.SubElement(c,"cluster_property_set",id=nid("opts"))
    ET.SubElement(s,"nvpair",id=nid("nv"),name=k,value=v); return f"option {k}={v}"
def m_meta(root):
    k = pick(METAS); rs = [r for r in ress(root) if (r.tag in ("clone","master","bundle")) == (k in CLONE) or R.random()<0.05]
    if k not in CLONE: rs = ress(root)
    r = pick(rs)
    if r is None: return None
    if r.tag=="bundle" and k in CLONE: return None
    v = pick(METAS[k]); setnv(r,"meta_attributes",k,v); return f"meta {r.get('id')} {k}={v}"
def m_defaults(root):
    k = pick(["resource-stickiness","migration-threshold","failure-timeout","is-managed","target-role","allow-migrate","requires","multiple-active"]); v = pick(METAS[k])
    d = sec(root,"rsc_defaults"); setnv(d,"meta_attributes",k,v); return f"default {k}={v}"
def m_quorum(root):
    v = pick(["0","1"]); root.set("have-quorum", v); return f"quorum {v}"
def nodestates(root): return root.findall("status/node_state")
def m_nodeattr(root):
    n = pick(root.iterfind("configuration/nodes/node"))
    if n is None: return None
    k,v = pick([("standby","on"),("standby","off"),("maintenance","true"),("#health-x","red"),("#health-x","yellow"),("#health-y","-5"),("resource-discovery-enabled","false"),("site",pick("ab")),("cpu","5")])
    setnv(n,"instance_attributes",k,v); return f"nodeattr {n.get('uname')} {k}={v}"
def transient(ns):
    t = ns.find("transient_attributes")
    if t is None: t = ET.Element("transient_attributes", id=ns.get("id")); ns.insert(0,t)
    s = t.find("instance_attributes")
    if s is None: s = ET.SubElement(t,"instance_attributes",id=nid("ta"))
    return s
def setpair(s,k,v):
    for n in s.findall("nvpair"):
        if n.get("name")==k: n.set("value",v); return
    ET.SubElement(s,"nvpair",id=nid("nv"),name=k,value=v)
def m_transient(root):
    ns = pick(nodestates(root)); 
    if ns is None or ns.get("id") is None: return None
    p = pick(prims(root)); pid = p.get("id") if p is not None else "x"
    op = pick(["start_0","monitor_10000","stop_0","monitor_0","promote_0"])
    k,v = pick([("standby","on"),("shutdown",pick(["1","1500000000"])),("terminate","true"),(f"fail-count-{pid}#{op}",pick(["1","2","INFINITY","1000000","0"])),(f"fail-count-{pid}#{op}",pick(["1","INFINITY"])),(f"last-failure-{pid}#{op}",pick(["1","1400000000"])),("#health-z",pick(["red","yellow","green","-10"])),(f"master-{pid}",pick(["1","5","10","100","-INFINITY","-5"])),(f"master-{pid}:0",pick(["1","5","10"])),("site",pick("abc")),("pingd",pick(["0","100","1000"])),("#node-unfenced","1400000000"),("maintenance","true"),("#digests-all","x")])
    setpair(transient(ns),k,v); return f"transient {ns.get('uname')} {k}={v}"
def m_nodestate(root):
    ns = pick(nodestates(root))
    if ns is None: return None
    c = R.randrange(7)
    if c==0: a = dict(in_ccm="false",crmd="offline",join="down",expected="down")
    elif c==1: a = dict(in_ccm="false",crmd="offline",join="member",expected="member")
    elif c==2: a = dict(in_ccm="true",crmd="online",join="member",expected="member")
    elif c==3: a = dict(in_ccm="true",crmd="offline",join="down",expected="member")
    elif c==4: a = dict(in_ccm="true",crmd="online",join="down",expected="member")
    elif c==5:
        k = pick(["in_ccm","crmd","join","expected"]); a = {k: pick({"in_ccm":["true","false"],"crmd":["online","offline"],"join":["member","down","banned","pending"],"expected":["member","down","banned"]}[k])}
    else:
        if R.random()<0.5:
            root.find("status").remove(ns); return f"drop node_state {ns.get('uname')}"
        l = ns.find("lrm")
        if l is not None: ns.remove(l)
        return f"drop lrm {ns.get('uname')}"
    for k,v in a.items(): ns.set(k,v)
    return f"node_state {ns.get('uname')} {a}"
def ops(root): return [(ns,lr,o) for ns in nodestates(root) for lr in ns.iter("lrm_resource") for o in lr.findall("lrm_rsc_op")]
def setrc(o, rc, st):
    key = o.get("transition-key") or "1:1:0:" + "0"*8+"-0000-0000-0000-"+"0"*12
    o.set("rc-code",str(rc)); o.set("op-status",str(st)); o.set("transition-key",key); o.set("transition-magic",f"{st}:{rc};{key}")
def m_rc(root):
    t = pick(ops(root))
    if t is None: return None
    ns,lr,o = t; c = R.randrange(6)
    if c<3: 
        rc = pick([0,1,2,3,4,5,6,7,8,9,14]); setrc(o,rc,pick([0,0,0,4])); return f"rc {ns.get('uname')} {o.get('id')} {rc}"
    if c==3: st = pick([-1,2,1,3,6,7,8,9]); setrc(o,pick([1,7,0,193]) if st!=-1 else 193,st); return f"st {ns.get('uname')} {o.get('id')} {st}"
    if c==4: lr.remove(o); return f"drop op {ns.get('uname')} {o.get('id')}"
    k,v = pick([("call-id",str(R.randrange(1,60))),("last-rc-change",pick(["1","1400000000","1500000000"])),("op-digest","0"*32),("op-restart-digest","0"*32),("on_node",pick(nodes(root)) or "x"),("operation",pick(["start","stop","monitor","promote","demote","migrate_to","migrate_from"]))])
    o.set(k,v); return f"opattr {ns.get('uname')} {o.get('id')} {k}={v}"
def m_fail(root):
    t = pick(ops(root))
    if t is None: return None
    ns,lr,o = t; task,iv,rc = pick([("start","0",1),("stop","0",1),("monitor","10000",7),("monitor","10000",1),("monitor","10000",9),("promote","0",1),("demote","0",1),("monitor","0",1),("monitor","0",5),("monitor","0",8),("start","0",5),("migrate_to","0",1),("migrate_from","0",1),("start","0",6),("monitor","0",0),("stop","0",0),("start","0",0),("promote","0",0),("demote","0",0),("start","0",-1),("stop","0",-1),("monitor","10000",-1),("promote","0",-1),("notify","0",-1)])
    r = lr.get("id"); kind = "last_failure_0" if rc not in (0,-1) and R.random()<0.7 else ("last_0" if iv=="0" else f"{task}_{iv}")
    e = None
    for x in lr.findall("lrm_rsc_op"):
        if x.get("id")==f"{r}_{kind}": e = x
    if e is None: e = ET.SubElement(lr,"lrm_rsc_op",id=f"{r}_{kind}")
    calls = [int(x.get("call-id")) for x in lr.findall("lrm_rsc_op") if (x.get("call-id") or "").lstrip("-").isdigit()]
    call = max(calls+[0])+1
    if rc == -1: call = pick([-1,call])
    e.attrib.update({"operation_key":f"{r}_{task}_{iv}","operation":task,"crm_feature_set":"3.16.1","on_node":ns.get("uname") or "","call-id":str(call),"interval":iv,**({} if any(x.get("on_node") for x in lr) or len(lr)==1 else {"on_node":""}),"last-rc-change":pick(["1400000000","1600000000"]),"exec-time":"0","queue-time":"0"})
    if task.startswith("migrate"): e.set("migrate_source",pick(nodes(root)) or "x"); e.set("migrate_target",pick(nodes(root)) or "y")
    e.set("transition-key",f"{R.randrange(50)}:1:{pick([0,0,7])}:abcdabcd-1111-2222-3333-444444444444")
    if e.get("on_node")=="": del e.attrib["on_node"]
    setrc(e, rc if rc>=0 else 193, 0 if rc>=0 else -1); return f"fail {ns.get('uname')} {r} {task} {rc}"
def m_copyhist(root):
    t = [(ns,lr) for ns in nodestates(root) for lr in ns.iter("lrm_resource")]
    x = pick(t); y = pick(nodestates(root))
    if x is None or y is None: return None
    ns,lr = x
    if y is ns: return None
    l = y.find("lrm")
    if l is None: l = ET.SubElement(y,"lrm",id=y.get("id") or "1")
    rs = l.find("lrm_resources")
    if rs is None: rs = ET.SubElement(l,"lrm_resources")
    for o in rs.findall("lrm_resource"):
        if o.get("id")==lr.get("id"): rs.remove(o)
    new = copy.deepcopy(lr); rs.append(new)
    for o in new:
        if o.get("on_node"): o.set("on_node", y.get("uname") or "")
    if R.random()<0.5: ns.find("lrm/lrm_resources").remove(lr) if lr in list(ns.find("lrm/lrm_resources")) else None
    return f"copy history {lr.get('id')} {ns.get('uname')}->{y.get('uname')}"
def m_location(root):
    r = pick(ress(root)); n = pick(nodes(root))
    if r is None or n is None: return None
    c = sec(root,"constraints"); k = R.randrange(5); i = nid("loc")
    if k<3: 
        e = ET.SubElement(c,"rsc_location",id=i,rsc=r.get("id"),node=n,score=pick(SCORES))
        if R.random()<0.15: e.set("resource-discovery",pick(["always","never","exclusive"]))
        if R.random()<0.15: e.set("role",pick(["Promoted","Unpromoted","Started"]))
    elif k==3:
        e = ET.SubElement(c,"rsc_location",id=i,rsc=r.get("id")); ru = ET.SubElement(e,"rule",id=i+"-r",score=pick(SCORES))
        if R.random()<0.2: ru.set("boolean-op",pick(["and","or"]))
        if R.random()<0.2: ru.set("role",pick(["Promoted","Unpromoted","Started"]))
        for j in range(R.randrange(1,3)):
            q = pick([("#uname","eq",n),("#uname","ne",n),("site","eq","a"),("site","defined",None),("pingd","gt","0"),("pingd","not_defined",None),("pingd","lt","500"),("#kind","eq","cluster"),("#kind","eq","remote")])
            d = dict(id=f"{i}-e{j}",attribute=q[0],operation=q[1])
            if q[2] is not None: d["value"]=q[2]
            ET.SubElement(ru,"expression",d)
    else:
        e = ET.SubElement(c,"rsc_location",id=i,node=n,score=pick(SCORES)); e.set("rsc-pattern",pick([".*",r.get("id")[:3]]))
    return f"location {ET.tostring(e,encoding='unicode')}"
def two(root):
    rs = ress(root)
    if len(rs)<2: return None
    a,b = R.sample(rs,2)
    if a in list(b.iter()) or b in list(a.iter()): return None
    return a,b
def m_coloc(root):
    t = two(root)
    if t is None: return None
    a,b = t; c = sec(root,"constraints")
    e = ET.SubElement(c,"rsc_colocation",id=nid("col"),rsc=a.get("id"),score=pick([x for x in SCORES if x[0]!="-"] if R.random()<0.85 else SCORES)); e.set("with-rsc",b.get("id"))
    if R.random()<0.05: e.set("rsc-role",pick(["Promoted","Unpromoted","Started"]))
    if R.random()<0.08: e.set("with-rsc-role",pick(["Promoted","Unpromoted","Started"]))
    if R.random()<0.07: e.set("node-attribute","site")
    return f"coloc {ET.tostring(e,encoding='unicode')}"
def m_order(root):
    t = two(root)
    if t is None: return None
    a,b = t; c = sec(root,"constraints")
    e = ET.SubElement(c,"rsc_order",id=nid("ord"),first=a.get("id"),then=b.get("id"))
    if R.random()<0.6: e.set("kind",pick(["Mandatory","Optional","Serialize"]))
    if R.random()<0.3: e.set("symmetrical",pick(["true","false"]))
    if R.random()<0.2: e.set("first-action",pick(["start","stop","promote","demote"]))
    if R.random()<0.2: e.set("then-action",pick(["start","stop","promote","demote"]))
    if R.random()<0.1: e.set("require-all",pick(["true","false"]))
    if e.get("kind")=="Serialize" and e.get("symmetrical")=="true": e.set("symmetrical","false")
    return f"order {ET.tostring(e,encoding='unicode')}"
def m_set(root):
    rs = ress(root)
    if len(rs)<3: return None
    c = sec(root,"constraints"); kind = pick(["rsc_order","rsc_colocation","rsc_location","rsc_ticket"]); i = nid("set")
    e = ET.SubElement(c,kind,id=i)
    if kind=="rsc_colocation": e.set("score",pick(SCORES))
    if kind=="rsc_order" and R.random()<0.7: e.set("kind",pick(["Mandatory","Optional","Serialize"]))
    if kind=="rsc_location": e.set("node",pick(nodes(root)) or "x"); e.set("score",pick(SCORES))
    if kind=="rsc_ticket": e.set("ticket",pick(["T1","T2"])); e.set("loss-policy",pick(["stop","demote","fence","freeze"]))
    pool = R.sample(rs,min(len(rs),R.randrange(2,5)))
    k = R.randrange(1,3)
    for j in range(k):
        part = pool[j::k]
        if not part: continue
        s = ET.SubElement(e,"resource_set",id=f"{i}-{j}")
        if R.random()<0.5: s.set("sequential",pick(["true","false"]))
        if kind=="rsc_order" and R.random()<0.2: s.set("require-all",pick(["true","false"]))
        if kind=="rsc_order" and R.random()<0.2: s.set("action",pick(["start","stop","promote","demote"]))
        if kind in ("rsc_colocation","rsc_ticket") and R.random()<0.2: s.set("role",pick(["Promoted","Unpromoted","Started"]))
        for r in part: ET.SubElement(s,"resource_ref",id=r.get("id"))
    return f"set {ET.tostring(e,encoding='unicode')}"
def m_ticket(root):
    r = pick(ress(root))
    if r is None: return None
    if R.random()<0.5:
        c = sec(root,"constraints"); e = ET.SubElement(c,"rsc_ticket",id=nid("tk"),rsc=r.get("id"),ticket=pick(["T1","T2"]))
        if R.random()<0.8: e.set("loss-policy",pick(["stop","demote","fence","freeze"]))
        if R.random()<0.3: e.set("rsc-role",pick(["Promoted","Unpromoted","Started"]))
        return f"ticket {ET.tostring(e,encoding='unicode')}"
    s = root.find("status"); t = s.find("tickets")
    if t is None: t = ET.SubElement(s,"tickets")
    e = ET.SubElement(t,"ticket_state",id=pick(["T1","T2"]),granted=pick(["true","false"])); 
    if R.random()<0.5: e.set("standby",pick(["true","false"]))
    return f"ticket_state {e.attrib}"
def m_constraint(root):
    c = sec(root,"constraints"); e = pick(list(c))
    if e is None: return None
    k = R.randrange(4)
    if k==0: c.remove(e); return f"drop constraint {e.get('id')}"
    if k==1 and e.get("score") is not None: e.set("score",pick(SCORES)); return f"constraint score {e.get('id')} {e.get('score')}"
    if k==2 and e.tag=="rsc_order" and e.get("first"): a,b=e.get("first"),e.get("then"); e.set("first",b); e.set("then",a); return f"flip {e.get('id')}"
    if k==3 and e.tag=="rsc_colocation" and e.get("rsc"): a,b=e.get("rsc"),e.get("with-rsc"); e.set("rsc",b); e.set("with-rsc",a); return f"flip {e.get('id')}"
    i = R.randrange(len(c)); c.remove(e); c.insert(i,e); return f"move constraint {e.get('id')}"
def m_struct(root):
    rs = root.find("configuration/resources"); ch = [x for x in rs if x.tag in ("primitive","group","clone","master","bundle")]
    k = R.randrange(8)
    if k==0:
        e = pick(ch)
        if e is None: return None
        i = list(rs).index(e); rs.remove(e); rs.insert(R.randrange(len(rs)+1),e); return f"move resource {e.get('id')}"
    if k==1:
        e = pick([x for x in ch if x.tag in ("primitive","group") and x.get("class")!="stonith" and x.get("type")!="remote"])
        if e is None: return None
        i = list(rs).index(e); rs.remove(e); c = ET.Element("clone",id=nid("cl")); rs.insert(i,c); c.append(e)
        for kk in R.sample(CLONE,R.randrange(0,4)): setnv(c,"meta_attributes",kk,pick(METAS[kk]))
        return f"clone {e.get('id')} {ET.tostring(c.find('meta_attributes'),encoding='unicode') if c.find('meta_attributes') is not None else ''}"
    if k==2:
        e = [x for x in ch if x.tag=="primitive" and x.get("class")!="stonith" and x.get("type")!="remote"]
        if len(e)<2: return None
        sel = R.sample(e,min(len(e),R.randrange(2,4))); i = list(rs).index(sel[0])
        g = ET.Element("group",id=nid("gr"))
        rs.insert(i,g)
        for x in sel: rs.remove(x); g.append(x)
        if R.random()<0.3: setnv(g,"meta_attributes",pick(["ordered","collocated"]),"false")
        return f"group {[x.get('id') for x in sel]}"
    if k==3:
        p = pick(root.find("configuration/resources").iter("clone"))
        if p is None: return None
        x = [q for q in p if q.tag in ("primitive","group")]
        if not x or p not in ch: return None
        i = list(rs).index(p); rs.remove(p); rs.insert(i,x[0]); return f"unclone {p.get('id')}"
    if k==4:
        e = pick(ch)
        if e is None: return None
        rs.remove(e); ids={x.get("id") for x in e.iter()}
        c = sec(root,"constraints")
        for q in list(c):
            if any(v in ids for a in q.iter() for kk,v in a.attrib.items() if kk in ("rsc","with-rsc","first","then") or (a.tag=="resource_ref")): c.remove(q)
        for t in root.iterfind("configuration/tags/tag"):
            pass
        return f"remove {e.get('id')}"
    p = pick(prims(root))
    if p is None: return None
    if k==5:
        o = p.find("operations")
        if o is None: o = ET.SubElement(p,"operations")
        if o.get("id-ref"): return None
        e = ET.SubElement(o,"op",id=nid("op"),name=pick(["monitor","monitor","start","stop","promote","demote"]),interval="0")
        if e.get("name")=="monitor": e.set("interval",pick(["10s","7s","20","1min"])); 
        if e.get("name")=="monitor" and R.random()<0.4: e.set("role",pick(["Started","Promoted","Unpromoted","Stopped","Master"]))
        if R.random()<0.5: e.set("on-fail",pick(["ignore","block","stop","restart","fence","standby","restart-container","demote"]))
        if R.random()<0.2: e.set("enabled","false")
        if R.random()<0.3: e.set("timeout",pick(["20s","33"]))
        if R.random()<0.1: e.set("start-delay","5s")
        return f"op {p.get('id')} {e.attrib}"
    if k==6:
        o = pick(p.iter("op"))
        if o is None: return None
        q,v = pick([("on-fail",pick(["ignore","block","stop","restart","fence","standby","demote"])),("interval",pick(["5s","11s","0"])),("timeout","44s"),("enabled","false"),("role",pick(["Promoted","Unpromoted","Stopped"]))]); o.set(q,v); return f"op {o.get('id')} {q}={v}"
    u = p.find("utilization")
    setnv(p,"utilization",pick(["cpu","memory"]),pick(["1","2","5"]))
    n = pick(root.iterfind("configuration/nodes/node"))
    if n is not None: setnv(n,"utilization",pick(["cpu","memory"]),pick(["1","4","8"]))
    if R.random()<0.7:
        c = sec(root,"crm_config"); s = c.find("cluster_property_set")
        if s is not None: setpair(s,"placement-strategy",pick(["utilization","minimal","balanced"]))
    return f"utilization {p.get('id')}"
def m_param(root):
    p = pick(prims(root))
    if p is None: return None
    setnv(p,"instance_attributes",pick(["p1","fake","state","op_sleep"]),pick(["a","b"])); return f"param {p.get('id')}"
def m_agent(root):
    lr = pick(root.iter("lrm_resource"))
    if lr is None: return None
    lr.set("type","Other"); return f"agent {lr.get('id')}"
def m_orphan(root):
    lr = pick(root.iter("lrm_resource"))
    if lr is None: return None
    old = lr.get("id"); new = pick(["orph","orph:0",old+":0",old+":1"])
    lr.set("id",new)
    for o in lr: 
        for k in ("id","operation_key"):
            if o.get(k): o.set(k,o.get(k).replace(old,new))
    return f"orphan {old}->{new}"
def m_guest(root):
    p = pick([x for x in tops(root) if x.tag=="primitive" and x.get("class")!="stonith" and x.get("type")!="remote"])
    if p is None: return None
    setnv(p,"meta_attributes","remote-node",nid("guest")); 
    if R.random()<0.3: setnv(p,"meta_attributes","remote-allow-migrate",pick(["true","false"]))
    return f"guest {p.get('id')}"
def m_remote(root):
    rs = root.find("configuration/resources"); i = nid("rem")
    e = ET.Element("primitive",{"id":i,"class":"ocf","provider":"pacemaker","type":"remote"})
    if R.random()<0.5: setnv(e,"meta_attributes","reconnect_interval","60s")
    o = ET.SubElement(e,"operations"); ET.SubElement(o,"op",id=i+"-m",name="monitor",interval="60s")
    rs.insert(R.randrange(len(rs)+1),e)
    if R.random()<0.6:
        n = pick(nodestates(root))
        if n is not None and n.find("lrm/lrm_resources") is not None:
            lr = ET.SubElement(n.find("lrm/lrm_resources"),"lrm_resource",{"id":i,"class":"ocf","provider":"pacemaker","type":"remote"})
            setrc(ET.SubElement(lr,"lrm_rsc_op",{"id":i+"_last_0","operation_key":i+"_start_0","operation":"start","crm_feature_set":"3.16.1","on_node":n.get("uname") or "","call-id":"1","interval":"0","last-rc-change":"1400000000"}),0,0)
    if R.random()<0.6:
        s = ET.SubElement(root.find("status"),"node_state",{"id":i,"uname":i,"remote_node":"true","in_ccm":"true","crm-debug-origin":"x","node_fenced":pick(["0","1"])})
        l = ET.SubElement(ET.SubElement(s,"lrm",id=i),"lrm_resources")
        src = pick([x for x in root.iter("lrm_resource") if x.get("type")!="remote" and x.get("class")!="stonith"])
        if src is not None:
            l.append(copy.deepcopy(src))
            for o in l[-1]:
                if o.get("on_node"): o.set("on_node", i)
    return f"remote {i}"
def m_fencedev(root):
    rs = root.find("configuration/resources"); i = nid("fd")
    e = ET.Element("primitive",{"id":i,"class":"stonith","type":pick(["fence_xvm","fence_scsi"])})
    if R.random()<0.4: setnv(e,"meta_attributes","provides","unfencing")
    setnv(e,"instance_attributes","pcmk_host_list"," ".join(nodes(root)[:2]))
    rs.insert(R.randrange(len(rs)+1),e); return f"fence device {i}"
def m_date(root):
    if R.random()<0.5: v = pick(["1400000000","1500000000","1700000000"]); root.set("execution-date",v); return f"date {v}"
    r = pick(ress(root))
    if r is None: return None
    root.set("execution-date",pick(["1400000000","1500000000"])) 
    s = ET.Element("meta_attributes",id=nid("rm"),score=pick(["1","10"])); ru = ET.SubElement(s,"rule",id=nid("ru"),score="0")
    d = ET.SubElement(ru,"date_expression",id=nid("de"),operation=pick(["in_range","gt","lt"]))
    if d.get("operation")!="lt": d.set("start",pick(["2014-01-01","2017-07-14 02:40:00Z","2020-01-01"]))
    if d.get("operation")!="gt": d.set("end",pick(["2014-06-01","2017-07-15","2021-01-01T00:00:00Z"]))
    k = pick(["target-role","resource-stickiness","priority","is-managed"])
    ET.SubElement(s,"nvpair",id=nid("nv"),name=k,value=pick(METAS[k])); r.insert(0,s); return f"date rule {r.get('id')} {k}"
def m_node(root):
    ns = root.find("configuration/nodes")
    if R.random()<0.5 and len(ns)>1:
        n = pick(ns); ns.remove(n); return f"drop node {n.get('uname')}"
    i = nid("nn"); ET.SubElement(ns,"node",id=i,uname=i)
    if R.random()<0.7: ET.SubElement(root.find("status"),"node_state",{"id":i,"uname":i,"in_ccm":"true","crmd":"online","join":"member","expected":"member"})
    return f"node {i}"
MUT = [(m_option,10),(m_meta,14),(m_defaults,4),(m_quorum,2),(m_nodeattr,5),(m_transient,8),(m_nodestate,6),(m_rc,8),(m_fail,9),(m_copyhist,4),(m_location,7),(m_coloc,7),(m_order,7),(m_set,4),(m_ticket,3),(m_constraint,4),(m_struct,9),(m_param,2),(m_agent,1),(m_orphan,2),(m_guest,1),(m_remote,2),(m_fencedev,1),(m_date,2),(m_node,2)]
def mutate(root, n):
    log = []
    for _ in range(n*5):
        m = R.choices([a for a,_ in MUT],[b for _,b in MUT])[0]
        try: t = m(root)
        except (AttributeError, ValueError, TypeError) as e: t = None
        if t: log.append(t)
        if len(log)>=n: break
    return log

