#!/usr/bin/env python3
"""Differential fuzzer of the scheduler: metronome's crm_simulate beside the released crm_simulate 2.1.5.

usage: crm_simulate_fuzz.py fuzz SEED COUNT OUT     mutate inputs of the corpus, compare, log to OUT/log-SEED.jsonl
       crm_simulate_fuzz.py show FILE               how the two programs differ on one input
       crm_simulate_fuzz.py reduce FILE             remove what a difference does not need
       crm_simulate_fuzz.py sum LOG ...             totals per output

METRONOME_CORPUS names the corpus folder (default ../shared/corpus/scheduler), METRONOME the program (default
target/release/metronome). Inputs are translated for the older program: names of options, schema, feature set, roles, times
of membership. Each output is 0 equal, 1 equal but for ids, order and renamed words, 2 different. What is known to differ
between the releases and is left in the logs: rounds of the first pass over clone instances, scores merged through
anti-colocations and colocations of group members, pairs of ordered clone instances, starts of groups that block what is
colocated with them, rc 190/191 of operations other than monitors, `cancel` entries of the history, sorting of entries with
and without on_node, serialised fencing, keys of notifications of stops that fencing implies.
"""
import sys, os, random, subprocess, tempfile, re, pathlib, json, copy, hashlib, time
import xml.etree.ElementTree as ET
from crm_simulate_mutations import OPT, R, mutate, uid
CORPUS = pathlib.Path(os.environ.get("METRONOME_CORPUS", "../shared/corpus/scheduler"))
OURS = [os.environ.get("METRONOME", "target/release/metronome"), "crm_simulate"]
THEIRS = ["crm_simulate"]

def translate(root):
    r = copy.deepcopy(root)
    for s in r.iter("cluster_property_set"):
        for n in s.iter("nvpair"):
            if n.get("name") in OPT: n.set("name", OPT[n.get("name")])
    v = r.get("validate-with") or ""
    if v in ("pacemaker-3.10",) or v.startswith("pacemaker-4"): r.set("validate-with", "pacemaker-3.9")
    r.set("crm_feature_set", "3.16.1")
    for e in r.find("configuration").iter():
        for a in ("role","rsc-role","with-rsc-role"):
            if e.get(a) in ("Promoted","Unpromoted"): e.set(a, {"Promoted":"Master","Unpromoted":"Slave"}[e.get(a)])
    for ns in r.iter("node_state"):
        for a,yes,no in (("in_ccm","true","false"),("crmd","online","offline")):
            v = ns.get(a)
            if v and v.isdigit(): ns.set(a, yes if int(v)>0 else no)
    for o in r.iter("lrm_rsc_op"):
        f = o.get("crm_feature_set")
        if f:
            try:
                if tuple(map(int, f.split("."))) > (3,16,1): o.set("crm_feature_set", "3.16.1")
            except ValueError: pass
    return r

ENV = dict(os.environ, LC_ALL="C", TZ="UTC")
def run(prog, xml, args):
    with tempfile.TemporaryDirectory() as d:
        p = d + "/cib.xml"; open(p, "w").write(xml)
        try:
            q = subprocess.run(prog + ["-x", p, "-S"] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, timeout=60, cwd=d, stdin=subprocess.DEVNULL)
            if q.returncode not in (0,1): return dict(rc=q.returncode, err=q.stderr.decode(errors="replace"))
            r = subprocess.run(prog + ["-x", p, "-D", d + "/dot", "-G", d + "/g", "-sSQ"] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, timeout=60, cwd=d, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return dict(rc=-99, err="timeout")
        rd = lambda p: open(p, errors="replace").read() if os.path.exists(p) else ""
        scores = sorted(r.stdout.decode(errors="replace").splitlines())
        return dict(rc=q.returncode, err=q.stderr.decode(errors="replace"), scores=scores, summary=q.stdout.decode(errors="replace"), dot=rd(d + "/dot"), graph=rd(d + "/g"))

def norm_dot(t):
    l = t.splitlines(True)
    return "" if len(l) < 2 else l[0] + "".join(sorted(set(l[1:-1]))) + l[-1]
def norm_graph(t):
    return re.sub(r'batch-limit="[0-9]*"', "", re.sub(r'crm_feature_set="[^"]*"', "", t))
def theirs_fix(o):
    o["graph"] = o["graph"].replace("stonith-timeout=", "fencing-timeout=", 1).replace('transition_id="0"', 'transition_id="1"', 1)
    o["scores"] = sorted(s.replace("pcmk__clone_allocate:", "pcmk__clone_assign:").replace("pcmk__bundle_allocate:", "pcmk__bundle_assign:").replace("promotion score on none: ", "promotion score (inactive): ") for s in o["scores"])
    o["scores"] = sorted(re.sub(r"promotion score \(inactive\): .*", "promotion score (inactive): -INFINITY", s) for s in o["scores"])
    return o

def canon_graph(t):
    """A graph whatever ids and order it has."""
    if not t: return ""
    try: g = ET.fromstring(re.sub(r'crm_feature_set="[^"]*"', "", t))
    except ET.ParseError: return t
    lab = {}
    def label(a):
        at = a.find("attributes")
        key = (a.tag, a.get("operation",""), a.get("operation_key",""), a.get("on_node",""), (at.get("CRM_meta_notify_key_operation","") + at.get("CRM_meta_notify_key_type","")) if at is not None else "")
        return "|".join(key)
    for a in g.iter():
        if a.tag in ("pseudo_event","rsc_op","crm_event") and a.get("id"): lab[a.get("id")] = label(a)
    out = []
    hdr = dict(g.attrib); hdr.pop("batch-limit",None)
    out.append(str(sorted(hdr.items())))
    for s in g.iter("synapse"):
        acts = []
        for a in s.find("action_set") if s.find("action_set") is not None else []:
            d = dict(a.attrib); d.pop("id",None)
            at = a.find("attributes"); ad = dict(at.attrib) if at is not None else {}
            if a.tag == "crm_event" and a.get("operation") == "stonith" or (a.tag == "pseudo_event" and a.get("operation") == "stonith"):
                ad = {k:v for k,v in ad.items() if k in ("CRM_meta_on_node","CRM_meta_on_node_uuid","CRM_meta_stonith_action","priority-fencing-delay")}
            pr = a.find("primitive"); down = sorted(n.get("id") for n in a.iter("node"))
            acts.append(str((a.tag, sorted(d.items()), sorted(ad.items()), sorted(pr.attrib.items()) if pr is not None else "", down)))
        ins = sorted(lab.get(x.get("id"), "?") for i in s.iter("trigger") for x in i)
        name = label(s.find("action_set")[0]) if s.find("action_set") is not None and len(s.find("action_set")) else "?"
        for a in s.find("action_set") if s.find("action_set") is not None else []:
            out.append(f"{name} SYN prio={s.get('priority')} A {a.tag} {sorted((k,v) for k,v in a.attrib.items() if k!='id')}")
            at = a.find("attributes"); ad = dict(at.attrib) if at is not None else {}
            if a.get("operation") == "stonith": ad = {k:v for k,v in ad.items() if k in ("CRM_meta_on_node","CRM_meta_on_node_uuid","CRM_meta_stonith_action","priority-fencing-delay")}
            for k,v in ad.items():
                if k in ("CRM_meta_role",): v={"Master":"Promoted","Slave":"Unpromoted"}.get(v,v)
                if k.startswith("CRM_meta_notify_stop"): continue
                out.append(f"{name} ATTR {k}={v}")
            for x in a:
                if x.tag != "attributes": out.append(f"{name} CHILD {x.tag} {sorted(x.attrib.items())} {sorted(n.get('id') for n in x)}")
        for x in ins:
            if "|stonith|" in x and "|stonith|" in name: continue
            out.append(f"{name} INPUT {x}")
    return "\n".join(sorted(out))

def canon_summary(t):
    t = t.replace("(maintenance)", "(unmanaged)").replace(", maintenance)", ", unmanaged)").replace("(maintenance,", "(unmanaged,").replace("(not installed)", "(Not installed)")
    t = re.sub(r"(?m)^      \* Stopped.*: \[.*\]\n?", "", t)
    t = t.replace("(unmanaged, disabled)", "(disabled, unmanaged)")
    t = t.replace("'termination was requested'", "'fencing was requested'").replace("(Not installed) ","(Not installed)")
    t = re.sub(r" Stopped \(Not installed\)", " Stopped", t)
    t = t.replace("due to unmigrateable", "due to unrunnable")
    t = re.sub(r"\n\s*\n+", "\n\n", t)
    head, sep, tail = t.partition("Executing Cluster Transition:")
    ex, sep2, rev = tail.partition("Revised Cluster Status")
    return head + sep + "\n".join(sorted(ex.splitlines())) + sep2 + rev
def canon_scores(s): return sorted(set(s))

def compare(a, b):
    """dict output -> 0 equal, 1 equal after canonicalisation, 2 different"""
    r = {}
    r["graph"] = 0 if norm_graph(a["graph"]) == norm_graph(b["graph"]) else 1 if canon_graph(a["graph"]) == canon_graph(b["graph"]) else 2
    r["dot"] = 0 if norm_dot(a["dot"]) == norm_dot(b["dot"]) else 2
    r["scores"] = 0 if a["scores"] == b["scores"] else 1 if canon_scores(a["scores"]) == canon_scores(b["scores"]) else 2
    r["summary"] = 0 if a["summary"] == b["summary"] else 1 if canon_summary(a["summary"]) == canon_summary(b["summary"]) else 2
    return r

def both(root, args):
    ours = run(OURS, ET.tostring(root, encoding="unicode"), args)
    theirs = run(THEIRS, ET.tostring(translate(root), encoding="unicode"), args)
    return ours, theirs

def cases():
    out = []
    for l in open(CORPUS / "cases.tsv"):
        name, args, _ = (l.rstrip("\n").split("\t") + ["", ""])[:3]
        out.append((name, ["-t", "2014-05-07 00:28:00"] if name=="origin" else args.split(" ") if args else []))
    return out

def main():
    if len(sys.argv) < 3: sys.exit(__doc__)
    OURS[0] = os.path.abspath(OURS[0])
    cmd = sys.argv[1]
    if cmd == "sum":
        per = {}
        for f in sys.argv[2:]:
            for l in open(f):
                for k, v in (json.loads(l).get("cmp") or {}).items():
                    per.setdefault(k, [0, 0, 0])[v] += 1
        for k, v in per.items(): print(f"{k}: {v[0]} equal, {v[1]} equal but for ids, order and words, {v[2]} different")
    elif cmd == "fuzz":
        seed, count, outdir = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
        os.makedirs(f"{outdir}/base", exist_ok=True)
        cs = cases()
        log = open(f"{outdir}/log-{seed}.jsonl","a")
        for k in range(count):
            R.seed(seed*1000003+k); uid[0]=0
            name,args = R.choice(cs)
            p = CORPUS/"xml"/f"{name}.xml"
            if p.stat().st_size > 400000: continue
            root = ET.parse(p).getroot()
            bf = pathlib.Path(outdir)/"base"/name
            if bf.exists(): b = json.loads(bf.read_text())
            else:
                o,t = both(root,args)
                b = None
                if t["rc"] in (0,1) and o["rc"] in (0,1): theirs_fix(t); b = compare(o,t)
                bf.write_text(json.dumps(b))
            if b is None: continue
            muts = mutate(root, R.choice([1,1,2,2,3,4,6]))
            o,t = both(root,args)
            rec = dict(seed=seed,k=k,case=name,muts=muts,orc=o["rc"],trc=t["rc"])
            bad = False
            if t["rc"] in (0,1) and o["rc"] in (0,1):
                theirs_fix(t); rec["cmp"] = compare(o,t); rec["base"] = b
                bad = any(v==2 and b[k]!=2 for k,v in rec["cmp"].items()) or o["rc"]!=t["rc"]
            else:
                bad = o["rc"]!=t["rc"] and t["rc"]>=0 or o["rc"] in (101,-6,-11,-99)
            if bad:
                f = f"{outdir}/{seed}-{k}-{name}.xml"; open(f,"w").write(ET.tostring(root,encoding="unicode")); rec["file"]=f; rec["args"]=args
            log.write(json.dumps(rec)+"\n"); log.flush()
    elif cmd == "show":
        f = sys.argv[2]; args = sys.argv[3:]
        root = ET.parse(f).getroot(); o,t = both(root,args); theirs_fix(t)
        import difflib
        print("rc",o["rc"],t["rc"],o["err"][:500],t["err"][:500])
        c = compare(o,t); print(c)
        for k,fa in (("scores",lambda x: canon_scores(x)),("summary",lambda x: canon_summary(x).splitlines()),("graph",lambda x: canon_graph(x).splitlines()),("dot",lambda x: norm_dot(x).splitlines())):
            if c[k]==2:
                print("=====",k)
                n=0
                for l in difflib.unified_diff(fa(t[k]),fa(o[k]),"theirs","ours",lineterm="",n=0):
                    if l.startswith(("---","+++","@@")): continue
                    print(l[:400]); n+=1
                    if n>40: break
    elif cmd == "reduce":
        f = sys.argv[2]; args = sys.argv[3:]
        root = ET.parse(f).getroot()
        def sig(root):
            try: o,t = both(root,args)
            except Exception: return None
            if t["rc"] not in (0,1): return None
            if o["rc"] not in (0,1): return ("rc",o["rc"])
            theirs_fix(t); c = compare(o,t); return tuple(sorted(k for k,v in c.items() if v==2))
        want = sig(root); print("sig",want)
        keep = os.environ.get("KEEP"); 
        if keep: want = tuple(keep.split(","))
        def ok(r):
            s = sig(r); return s is not None and set(want) <= set(s) and len(s)>0
        changed = True; end = time.time()+float(os.environ.get("BUDGET","240"))
        while changed and time.time()<end:
            changed = False
            par = {c:p for p in root.iter() for c in p}
            # larger first
            els = sorted(par, key=lambda e: -len(list(e.iter())))
            for e in els:
                if time.time()>end: break
                if e.tag in ("configuration","status","resources","nodes","constraints","crm_config","lrm_resources","lrm"): continue
                p = par[e]
                if p is None or e not in list(p): continue
                # still attached?
                i = list(p).index(e); p.remove(e)
                if ok(root): changed = True
                else: p.insert(i,e)
        out = f.replace(".xml",".min.xml"); ET.indent(root); open(out,"w").write(ET.tostring(root,encoding="unicode")); print(out)
main()
