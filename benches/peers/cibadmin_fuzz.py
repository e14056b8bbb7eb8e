#!/usr/bin/env python3
"""Differential fuzzer of the CIB's tool: metronome's cibadmin beside the released cibadmin 2.1.5, on files.

usage: cibadmin_fuzz.py SEED COUNT [OUT]     random documents, users, access rules and operations; prints what differs

METRONOME names the program (default target/release/metronome). Compared are the exit code, standard output, standard error
and the file afterwards. The releases differ on purpose where CB-16 of the specification says so; what that touches is not
generated (queries and deletions of attributes, values that differ in case only, escapes, comments and users without rules under access control) or taken out before comparing:
version fields after changes (a replacement by the like, comments and new elements raise others there), `object-type`
against `object_type`, the words around messages, and what of a failed creation a user without rights is shown. OUT keeps the inputs of what differs otherwise.
"""
import difflib, os, pathlib, random, re, subprocess, sys, tempfile
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

OURS = [os.path.abspath(os.environ.get("METRONOME", "target/release/metronome")), "cibadmin"]
THEIRS = ["cibadmin"]
R = random.Random()
RULES = ["/cib", "//status", "//resources", "//constraints", "//primitive", '//primitive[@id="A"]', "//nvpair", "//node",
         "//meta_attributes", "//acls", '//rsc_location[@id="l1"]', "//configuration", "//primitive[@description]", "//tags",
         "//crm_config", '//nvpair[@name="target-role"]', '//*[@id="A-m"]', "//node_state", "///", "//comment()"]


def chance(percent):
    return R.randrange(100) < percent


def permission(i):
    kind = R.choice(["read", "read", "write", "write", "deny"])
    how = R.randrange(4)
    if how == 0:
        what = f'reference="{R.choice(["A", "B", "l1", "A-m", "o1", "t1"])}"'
    elif how == 1:
        attribute = f' attribute="{R.choice(["id", "description", "value", "score"])}"' if chance(30) else ""
        what = f'object-type="{R.choice(["primitive", "nvpair", "node", "tag", "rsc_location", "resources"])}"{attribute}'
    else:
        what = "xpath=" + quoteattr(R.choice(RULES))
    return f'<acl_permission id="p{i}" kind="{kind}" {what}/>'


def primitive(name):
    description = R.choice(["", "", ' description="one"', ' description="two words"'])
    type_ = R.choice(["Dummy", "Stateful"])
    value = R.choice(["Started", "Stopped"])
    meta = f'<meta_attributes id="{name}-m"><nvpair id="{name}-m-1" name="target-role" value="{value}"/></meta_attributes>'
    return (f'<primitive id="{name}" class="ocf" provider="pacemaker" type="{type_}"{description}>'
            f'{meta if chance(60) else ""}</primitive>')


def document(acl):
    rules = "".join(permission(i) for i in range(R.randrange(1, 5)))
    users = f'<acls><acl_role id="r1">{rules}</acl_role><acl_target id="fred"><role id="r1"/></acl_target></acls>'
    on = '<nvpair id="ea" name="enable-acl" value="true"/>' if acl else ""
    resources = "".join(primitive(n) for n in "ABC" if chance(75) or n == "A")
    tags = '<tags><tag id="t1"><obj_ref id="A"/></tag></tags>' if chance(60) else ""
    comment = "<!-- one -->" if chance(25) and not acl else ""
    return (f'<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="{R.randrange(1, 9)}" num_updates="3">'
            f'<configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="o1" name="no-quorum-policy" value="stop"/>{on}'
            f'</cluster_property_set></crm_config><nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>'
            f'<resources>{resources}{comment}</resources><constraints><rsc_location id="l1" rsc="A" node="n1" score="100"/></constraints>'
            f'{tags}{users if acl else ""}</configuration><status><node_state id="1" uname="n1"/></status></cib>')


def element():
    return R.choice([
        lambda: primitive(R.choice("ABCD")),
        lambda: f'<primitive id="{R.choice("ABCD")}" description="{R.choice(["one", "three", "++"])}"/>',
        lambda: f'<nvpair id="{R.choice(["o1", "A-m-1", "B-m-1", "o9"])}" name="x" value="{R.choice(["1", "stop", "Started"])}"/>',
        lambda: f'<nvpair id="{R.choice(["o1", "A-m-1", "B-m-1"])}"/>',
        lambda: f'<rsc_location id="l1" rsc="A" node="n2" score="{R.choice(["score++", "7", "score+=5", "INFINITY"])}"/>',
        lambda: f'<rsc_location id="l2" rsc="A" node="n2" score="{R.choice(["7", "-INFINITY"])}"/>',
        lambda: f'<tag id="{R.choice(["t1", "t2"])}"><obj_ref id="{R.choice("AB")}"/></tag>',
        lambda: f'<node_state id="{R.choice("13")}" uname="n1" join="member"/>',
        lambda: f'<node id="{R.choice("123")}" uname="n{R.choice("123")}" type="member"/>',
        lambda: f'<resources>{primitive(R.choice("ABD"))}</resources>',
        lambda: "<constraints/>",
        lambda: f'<status><node_state id="{R.choice("12")}" uname="n{R.choice("12")}"/></status>',
        lambda: document(chance(50)),
        lambda: '<acl_permission id="p0" kind="write" xpath="/cib"/>',
        lambda: '<bogus id="b"/>',
        lambda: f'<meta_attributes id="{R.choice("ABC")}-m"><nvpair id="x1" name="priority" value="1"/></meta_attributes>',
    ])()


SCOPES = ["configuration", "nodes", "resources", "constraints", "crm_config", "rsc_defaults", "op_defaults", "acls", "tags",
          "alerts", "status", "fencing-topology"]
PATHS = ["//primitive", "//primitive[@id='A']", "//nvpair", "//node_state", "/cib", "//bogus", "//resources", "//tag/obj_ref",
         "//primitive[last()]", "//*[@id='l1']", "//nvpair[@name='target-role']", "//primitive[position()=2]", "//[", "count(//primitive)",
         "//primitive[starts-with(@description,'two')]", "//primitive|//node", "//primitive/ancestor::configuration"]


def operation():
    what = R.choice(["query"] * 4 + ["create"] * 3 + ["modify"] * 4 + ["replace"] * 3 + ["delete"] * 3 + ["delete-all", "bump", "erase",
                     "md5-sum", "md5-sum-versioned"])
    scope, path = ["--scope", R.choice(SCOPES)], ["--xpath", R.choice(PATHS)]
    where = {"query": [[], scope, path], "create": [scope], "delete-all": [path], "modify": [[], scope, path], "replace": [[], scope, path],
             "delete": [[], scope, path]}.get(what, [[]])
    where = R.choice(where)
    if what == "replace" and where == scope and scope[1] in ("rsc_defaults", "op_defaults", "alerts", "fencing-topology", "acls", "tags"):
        where = []
    # The older release crashes.
    if what == "replace" and where == ["--xpath", "/cib"]:
        where = []
    args = [f"--{what}"] + where
    if what.startswith("md5"):
        args += ["--xml-text", document(chance(50))]
    elif what in ("create", "modify", "replace", "delete") and not (what == "delete" and where == path):
        # Arithmetic is for modifications; elsewhere the older release takes it for that as well.
        args += ["--xml-text", element() if what == "modify" else re.sub(r"score\+[+=]5?", "7", element())]
    if what == "modify" and chance(40):
        args += ["--allow-create"]
    if what == "query":
        args += R.choice([[], [], ["--no-children"], ["--node-path"] if where == path else []])
    if what in ("erase", "delete-all") and chance(80):
        args += ["--force"]
    return args


def run(program, cib, args, user, folder):
    file = pathlib.Path(folder) / "cib.xml"
    file.write_text(cib)
    env = dict(os.environ, LC_ALL="C", TZ="UTC", CIB_file=str(file))
    if user:
        env["CIB_user"] = user
    p = subprocess.run(program + args, env=env, capture_output=True, timeout=300, stdin=subprocess.DEVNULL)
    return dict(code=p.returncode, out=p.stdout.decode(), err=p.stderr.decode(), user=user, file=file.read_text())


def plain(result, args):
    """What has to be equal."""
    versions = lambda text: re.sub(r' (admin_epoch|epoch|num_updates)="\d*"', "", text)
    read_only = args[0] in ("--query", "--md5-sum", "--md5-sum-versioned")
    out = result["out"].replace("object_type=", "object-type=")
    if result["user"] == "fred":
        out = re.sub(r"(?s)<failed>.*</failed>\n", "", out)
    noise = r"cibadmin: |^ *\d+ .*\n|^.*(cib-invalid|Init failed|Relax-NG).*\n|^(CIB API c|C)all failed: |^(Versioned .* d|D)igest: "
    err = re.sub(f"(?m){noise}", "", re.sub(r"(?m)^cibadmin: ", "", result["err"]).replace("the CIB API:", "the CIB:").replace(".  ", ". "))
    return dict(code=result["code"], out=out if read_only else versions(out), err=err, file=versions(ET.canonicalize(result["file"], with_comments=True, strip_text=True)))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    keep = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    totals, different = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for k in range(seed, seed + count):
            R.seed(k)
            acl = chance(60)
            cib, args, user = document(acl), operation(), R.choice(["fred", "fred", "fred", "root", ""]) if acl else ""
            ours, theirs = (plain(run(p, cib, args, user, folder), args) for p in (OURS, THEIRS))
            wrong = [part for part in ours if ours[part] != theirs[part]]
            group = totals.setdefault(args[0] + (" with access control" if acl and user == "fred" else ""), [0, 0])
            group[bool(wrong)] += 1
            if wrong:
                different += 1
                print(f"seed {k}: {' '.join(wrong)}: CIB_user={user} cibadmin {' '.join(args)}")
                for part in wrong:
                    lines = lambda result: re.sub(r"(?<=>)(?=<)", "\n", str(result[part])).splitlines()
                    sides = difflib.unified_diff(lines(theirs), lines(ours), "theirs", "ours", lineterm="", n=0)
                    print(*(f"  {part} {line[:200]}" for line in sides if not line.startswith("@@")), sep="\n")
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{k}.xml").write_text(cib)
    for name, (equal, other) in sorted(totals.items()):
        print(f"{name}: {equal} equal, {other} different")
    print(f"{count} operations: {count - different} equal, {different} different")


main()
