"""The style sheet of a report: calm, dense, light and dark, for screens from 360 px and for paper."""

from training.report.markup import Markup
from training.report.palette import DARK, LIGHT, rules

BASE = """
:root{--soft:#6a6761;--line:#d8d4ca;--wash:#f4f1ea;--hits:#0b4f9c;--alarms:#a84300;--plain:#00694f;--fault:#9c1c1c}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 18px 60px;max-width:1372px;background:var(--paper);color:var(--ink);
 font:15px/1.5 "Iowan Old Style",Palatino,"Palatino Linotype","Book Antiqua",Georgia,serif;overflow-wrap:break-word}
h1{font-weight:400;font-size:30px;line-height:1.15;margin:0 0 6px}
h2{font-weight:400;font-size:20px;margin:44px 0 6px;padding-top:12px;border-top:1px solid var(--line)}
h3{font-weight:600;font-size:15px;margin:22px 0 4px}
p{margin:6px 0 10px;max-width:68ch}
ul{margin:6px 0;padding-left:20px;max-width:76ch}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:2px}
nav,svg,figcaption,table,pre,dl,.kicker,.tag,.small{font-family:system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}
nav{font-size:12.5px;color:var(--soft);margin:14px 0 0}
nav a{margin-right:14px;display:inline-block;padding:3px 0}
.kicker,.small{font-size:12px;color:var(--soft)}
.kicker{letter-spacing:.04em;margin:0 0 4px}
.word{font-size:26px;line-height:1.2;margin:2px 0}
.missing{color:var(--soft);font-style:italic;border-left:3px solid var(--line);padding-left:10px}
.caveat{border-left:3px solid var(--alarms);padding-left:10px}
pre{font:12px/1.5 ui-monospace,"Cascadia Mono","DejaVu Sans Mono",Menlo,monospace;white-space:pre-wrap;
 overflow-wrap:anywhere;background:var(--wash);padding:8px 10px;margin:8px 0;max-width:110ch}
dl.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:8px 18px;font-size:12.5px;
 margin:14px 0}
dl.facts dt{color:var(--soft);font-size:11px}
dl.facts dd{margin:0;overflow-wrap:anywhere}
dl.dense{grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:5px 16px}
.panels{display:flex;flex-wrap:wrap;gap:20px 22px;align-items:flex-start}
figure{margin:8px 0 0;max-width:100%}
figure.panel{width:316px}
figure.panel.half{width:auto}
figcaption{font-size:12.5px;line-height:1.35;margin-bottom:5px}
figcaption .note{color:var(--soft)}
svg{display:block;max-width:100%;height:auto;overflow:visible}
.scroll{overflow-x:auto;max-width:100%}
.scroll:focus-visible{outline:2px solid var(--hits)}
.scroll svg{max-width:none}
table{border-collapse:collapse;font-size:12.5px;line-height:1.35;font-variant-numeric:tabular-nums;margin:14px 0;
 min-width:min(100%,316px)}
caption{text-align:left;color:var(--soft);padding-bottom:5px}
caption span{display:inline-block;max-width:min(92ch,calc(100vw - 36px));position:sticky;left:0}
th{font-weight:400;text-align:left;vertical-align:bottom}
thead th{color:var(--soft);font-size:11.5px;border-bottom:1px solid var(--line);padding:3px 14px 3px 0}
tbody th,td{padding:3px 14px 3px 0;border-bottom:1px solid var(--wash);white-space:nowrap;vertical-align:middle}
table.wrap td:last-child{white-space:normal;min-width:220px}
.n{text-align:right}
table.sum tbody tr:last-child>*{border-top:1px solid var(--line);font-weight:600}
.yes{color:var(--plain)}.no{color:var(--fault)}
.off{color:var(--soft)}
svg text{font-size:10px;fill:var(--ink)}
svg text.s{fill:var(--soft);font-size:9.5px}
svg text.c{font-size:9.5px;text-anchor:middle}
svg text.k{font-weight:600}
.axis{stroke:var(--line);stroke-width:1;fill:none}
.tick{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 2;fill:none}
.thin{fill:none;stroke-width:.8;opacity:.38}
.bold{fill:none;stroke-width:2.1;stroke-linejoin:round}
.hits{stroke:var(--hits)}.false_alarms{stroke:var(--alarms);stroke-dasharray:5 3}
.mundane{stroke:var(--plain);stroke-dasharray:1.5 2.5}.d_prime{stroke:var(--ink)}
text.hits,text.false_alarms,text.mundane,text.d_prime{stroke:none}
svg text.hits{fill:var(--hits)}svg text.false_alarms{fill:var(--alarms)}svg text.mundane{fill:var(--plain)}
.line{stroke:var(--ink);fill:none}.ctl{stroke:var(--alarms);stroke-dasharray:4 3;fill:none}
.box{fill:none;stroke:var(--ink);stroke-width:1.6}
.halo{fill:none;stroke:var(--paper);stroke-width:4}.sig{fill:var(--ink);stroke:var(--paper);stroke-width:1}
.dim{fill:none;stroke:var(--soft);stroke-width:.8;stroke-dasharray:1 2}
.dot{fill:var(--ink)}.ring{fill:var(--paper);stroke:var(--ink);stroke-width:1.4}
.seed{stroke:var(--ink);stroke-width:1;opacity:.45}
.bar{fill:var(--hits)}.bar2{fill:var(--alarms)}.null{fill:var(--soft);opacity:.45}
.zone{fill:var(--hits);opacity:.1}.zone2{fill:none;stroke:var(--hits);stroke-width:.8;opacity:.6}
.cell rect{stroke:var(--paper);stroke-width:1;print-color-adjust:exact;-webkit-print-color-adjust:exact}
@media (max-width:700px){h1{font-size:25px}.word{font-size:22px}body{padding:18px 16px 40px}
 tbody th{white-space:normal;min-width:92px;position:sticky;left:0;background:var(--paper)}td .pic{display:none}
 thead th,tbody th,td{padding-right:9px}table.wrap td:last-child{min-width:0}}
@media print{body{background:#fff;padding:0;max-width:none;font-size:10.5pt}nav{display:none}h2{break-after:avoid}
 figure,tr,dl,.panels>.scroll{break-inside:avoid}.scroll{overflow:visible}table{font-size:8pt}
 tbody th,td,thead th{padding-right:8px}table.wrap td:last-child,td,tbody th{white-space:normal}
 pre{border:1px solid #ccc}}
"""
NIGHT = (
    ":root{--soft:#a09c94;--line:#3a3d44;--wash:#1f2227;"
    "--hits:#7db8ff;--alarms:#ff9d5c;--plain:#5fd0ad;--fault:#ff8f8f}"
)


def css() -> Markup:
    """The whole sheet."""
    day = f":root{{color-scheme:light dark;--paper:{LIGHT['paper']};--ink:{LIGHT['ink']}}}{rules(LIGHT)}"
    night = f":root{{--paper:{DARK['paper']};--ink:{DARK['ink']}}}{NIGHT}{rules(DARK)}"
    return Markup(f"{day}{BASE}@media screen and (prefers-color-scheme:dark){{{night}}}")
