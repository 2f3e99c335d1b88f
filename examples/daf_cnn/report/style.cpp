#include "report/style.hpp"

namespace daf_cnn {

// The seven colours are Okabe and Ito's, which people with any kind of colour vision tell apart, darker or
// lighter as the ground asks for.
const std::string_view report_style = R"css(
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f5f7f9; --ink: #17202b; --faint: #5b6675; --rule: #dbe1e8;
  --a: #0069b4; --b: #c2500a; --right: 0, 88, 160; --wrong: 190, 75, 0; --near: 100, 72, 165; --most: .66;
  --look: #e8590c; --best: #00795a; --drop: #8a4fa0;
  --c0: #d04a00; --c1: #00906a; --c2: #b04a8c; --c3: #c48600; --c4: #0061a8; --c5: #1f93d6; --c6: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151c; --panel: #18202a; --ink: #e6ebf1; --faint: #9aa7b6; --rule: #2c3744;
    --a: #62b4f0; --b: #f29a52; --right: 95, 180, 245; --wrong: 245, 140, 70; --near: 175, 150, 240; --most: .56;
    --look: #ff8a3d; --best: #3ecf9f; --drop: #cf9be0;
    --c0: #f4762f; --c1: #1fc296; --c2: #de8fc0; --c3: #f2b632; --c4: #4d8fe8; --c5: #8ad0fa; --c6: #aab3be;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto; max-width: 1160px; padding: 28px 20px 64px; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 21px; line-height: 1.3; margin: 56px 0 6px; padding-top: 18px; border-top: 1px solid var(--rule); }
h3 { font-size: 16px; margin: 28px 0 4px; }
p { margin: 6px 0 14px; max-width: 74ch; }
small { font-size: 13px; color: var(--faint); }
.subtitle { color: var(--faint); overflow-wrap: anywhere; margin-bottom: 18px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 22px 0 0; font-size: 15px; }
a { color: var(--a); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
figure { margin: 0; min-width: 0; }
figcaption { margin-bottom: 4px; line-height: 1.4; }
figcaption small { display: block; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0; padding: 0; }
.tiles div { background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; }
.tiles dt { color: var(--faint); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 24px; font-weight: 650; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles dd small { display: block; font-weight: 400; line-height: 1.35; margin-top: 2px; }
.tiles .first { border-color: var(--a); }
.tiles .first dd { font-size: 32px; }
.summary { font-size: 17px; margin-top: 18px; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 24px 22px; }
.chart svg, .scatter svg { display: block; width: 100%; height: auto; }
.chart { max-width: 460px; }
svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; fill: var(--faint); }
svg .end { text-anchor: end; } svg .mid { text-anchor: middle; }
.grid { stroke: var(--rule); fill: none; }
.line { color: var(--a); } .line.b { color: var(--b); }
.line path { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.b path { stroke-dasharray: 5 3.5; }
.line circle { fill: currentColor; stroke: var(--ground); stroke-width: 1; }
.best { stroke: var(--best); stroke-width: 6; opacity: .3; }
.event path { stroke: var(--drop); stroke-dasharray: 2 3; fill: none; }
.event .drop, .sign .drop { fill: var(--drop); stroke: none; }
.reload { fill: var(--ground); stroke: var(--drop); stroke-width: 1.6; }
.key { display: inline-block; margin-left: 12px; font-size: 13px; color: var(--faint); white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 20px; margin-right: 6px; vertical-align: 4px; border-top: 2.5px solid var(--a); }
.key.b::before { border-top: 2.5px dashed var(--b); }
.signs { font-size: 14px; color: var(--faint); display: flex; flex-wrap: wrap; gap: 4px 20px; }
.sign svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 6px; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.heat { border-collapse: separate; border-spacing: 2px; font-size: 15px; }
.heat th { font-weight: 500; color: var(--faint); font-size: 14px; padding: 2px 6px; text-align: right; }
.heat thead th { text-align: center; vertical-align: bottom; }
.heat .corner { text-align: right; font-size: 12px; font-weight: 400; }
.heat td { min-width: 66px; height: 46px; padding: 3px 2px; text-align: center; border-radius: 4px; line-height: 1.15; background: var(--panel); }
.heat td small { display: block; font-size: 11px; color: inherit; opacity: .85; }
.heat .right { background: rgba(var(--right), calc(var(--s) * var(--most))); }
.heat .wrong { background: rgba(var(--wrong), calc(var(--s) * var(--most))); }
.heat .near { background: rgba(var(--near), calc(var(--s) * var(--most))); }
.heat .none { color: var(--faint); }
.confusion td { min-width: 78px; height: 52px; font-size: 16px; }
.heat .own { box-shadow: inset 0 0 0 1.5px var(--faint); font-weight: 600; color: var(--ink); }
.heat .sum { background: none; font-weight: 600; padding-left: 10px; color: var(--ink); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 26px; }
.pair .heat td { min-width: 52px; height: 36px; font-size: 14px; }

.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; max-width: none; }
.legend svg { width: 15px; height: 15px; vertical-align: -2px; margin-right: 6px; }
.mark { fill: currentColor; fill-opacity: .78; }
.ring { fill: none; stroke: currentColor; stroke-width: 1.3; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); }
.scatter svg { background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; }
.scatter .name { font-size: 14px; font-weight: 700; fill: var(--ink); text-anchor: middle; paint-order: stroke; stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; }
.four { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; }

.attention { display: grid; grid-template-rows: auto repeat(3, auto); grid-auto-flow: column; grid-template-columns: 74px; grid-auto-columns: minmax(0, 1fr); gap: 6px 10px; }
.attention img, .attention svg, .mistakes img { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px; }
.attention rect { fill: var(--look); }
.attention .stage { align-self: center; font-size: 14px; color: var(--faint); }
.attention .who { align-self: end; font-weight: 600; font-size: 15px; line-height: 1.25; }
.attention small { display: block; font-weight: 400; font-size: 12px; line-height: 1.4; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(118px, 1fr)); gap: 16px 14px; list-style: none; margin: 12px 0 0; padding: 0; font-size: 14px; line-height: 1.35; }
.mistakes small { display: block; }

pre { background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; margin: 8px 0 20px; }
.rows { width: 100%; font-size: 15px; }
.rows th, .rows td { text-align: left; vertical-align: top; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--rule); }
.rows th { font-weight: 500; white-space: nowrap; }
.variants td.value { min-width: 150px; } .variants small { font-weight: 400; }
.rows .number { text-align: right; white-space: nowrap; }
.rows thead th, .rows thead .number { color: var(--faint); font-size: 13px; white-space: normal; vertical-align: bottom; }
.rows td.value { overflow-wrap: anywhere; font-weight: 600; }
.rows td:last-child { color: var(--faint); }
.bar { display: block; height: 6px; margin-top: 5px; border-radius: 3px; background: var(--a); width: var(--w); }
footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--rule); color: var(--faint); font-size: 14px; }

@media (max-width: 700px) {
  body { padding: 18px 14px 48px; font-size: 15px; }
  h1 { font-size: 23px; } h2 { font-size: 19px; margin-top: 42px; }
  .tiles { grid-template-columns: repeat(2, 1fr); gap: 8px; }
  .tiles dd { font-size: 20px; } .tiles .first { grid-column: 1 / -1; }
  .heat, .pair .heat { width: 100%; table-layout: fixed; font-size: 12.5px; border-spacing: 1px; }
  .heat td, .pair .heat td, .confusion td { min-width: 0; height: 38px; padding: 2px 0; font-size: 12.5px; border-radius: 3px; }
  .heat td small { font-size: 9.5px; }
  .heat th { font-size: 11.5px; padding: 2px 4px 2px 0; }
  .heat tbody th, .heat .corner { width: 56px; font-size: 11.5px; overflow-wrap: anywhere; }
  .heat thead th span { writing-mode: vertical-rl; transform: rotate(180deg); }
  .heat thead th { padding: 0 0 4px; }
  .heat td.sum { padding: 0; font-size: 11.5px; } .heat th.sum { padding-left: 0; }
  .attention { grid-template-rows: none; grid-auto-flow: row; grid-template-columns: 66px repeat(3, minmax(0, 1fr)); grid-auto-columns: auto; }
  .attention .who { align-self: center; font-size: 13.5px; }
  .four { grid-template-columns: repeat(2, 1fr); gap: 10px; }
  .mistakes { grid-template-columns: repeat(3, 1fr); gap: 12px 10px; font-size: 13px; }
  .rows { font-size: 14px; } .rows th, .rows td { padding-right: 8px; }
  .recalls tbody th { width: 92px; text-align: left; }
  .variants { display: block; } .variants thead { display: none; } .variants tbody { display: block; }
  .variants tr { display: grid; grid-template-columns: 1fr 1fr; gap: 2px 14px; padding: 10px 0; border-bottom: 1px solid var(--rule); }
  .variants th, .variants td, .variants .number { display: block; border: 0; padding: 0; text-align: left; }
  .variants th, .variants td:last-child { grid-column: 1 / -1; } .variants th { font-weight: 700; }
  .variants td:empty { display: none; }
  .variants td::before { content: attr(data-label) " "; color: var(--faint); font-weight: 400; font-size: 13px; }
  .settings th { white-space: normal; } .settings thead { display: none; }
  .settings tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--rule); }
  .settings th, .settings td { display: inline; border: 0; padding: 0; }
  .settings td.value { padding-left: 8px; } .settings td:last-child { display: block; font-size: 13px; }
}
@media print { nav { display: none; } body { max-width: none; } figure, tr { break-inside: avoid; } }
)css";

}  // namespace daf_cnn
