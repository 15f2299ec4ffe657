/**
 * The look of the pages: warm paper, ink, one clay accent; system fonts, no images, nothing from elsewhere. A tenant sets `--accent` and
 * `--accent-dark`; light, dark, forced colours, reduced motion and right-to-left come from here.
 */
export const styleSheet = `:root {
  color-scheme: light dark;
  --paper: #f7f4ef; --surface: #fffdfa; --ink: #231d18; --muted: #665b53; --line: #e4dcd2; --edge: #8d8175;
  --clay: var(--accent, #a8431f); --ok: #24593f; --ok-soft: #e3f0e8; --bad: #a4161a; --bad-soft: #fbe9e7; --warn: #9a6700; --warn-soft: #fbf0d9; --focus: #1d4ed8;
  --shadow: 0 1px 2px rgb(60 40 20 / .05), 0 16px 40px -20px rgb(60 40 20 / .22);
  --glow: color-mix(in srgb, var(--clay) 7%, var(--paper));
  --font: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic", "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "Roboto Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171310; --surface: #211b17; --ink: #f3ece4; --muted: #b8aba0; --line: #3a312a; --edge: #85776b;
    --clay: var(--accent-dark, #e8835a); --ok: #8fd9b8; --ok-soft: #1a2f25; --bad: #ffa49d; --bad-soft: #3d1c1a; --warn: #d9a441; --warn-soft: #33270f; --focus: #8ab4ff;
    --shadow: 0 1px 2px rgb(0 0 0 / .3), 0 16px 40px -20px rgb(0 0 0 / .6);
  }
}
/* Whatever is legible on the surface is so the other way round. */
:root { --clay-ink: var(--surface); --clay-soft: color-mix(in srgb, var(--clay) 10%, var(--surface)); --clay-deep: color-mix(in srgb, var(--clay) 75%, var(--ink)) }

*, *::before, *::after { box-sizing: border-box }
[hidden] { display: none !important }
html { font: 100%/1.5 var(--font); background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; accent-color: var(--clay) }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; grid-template-rows: 1fr auto; padding: clamp(1rem, 5vw, 1.5rem);
  background: radial-gradient(60rem 28rem at 50% -10rem, var(--glow), transparent) no-repeat }
.page { width: min(27rem, 100%); margin: auto; padding-block: 1.5rem; min-width: 0 }
.page.wide { width: min(46rem, 100%); margin-block: 0 auto }
main { display: grid; gap: 1.5rem; min-width: 0 }
.brand { display: flex; align-items: center; gap: .625rem; margin-block-end: 1.5rem; font-weight: 650; letter-spacing: -.01em; min-width: 0; overflow-wrap: anywhere }
.brand svg { width: 2rem; height: 2rem; flex: none; color: var(--clay) }
.brand img { max-width: 10rem; height: 2.25rem; object-fit: contain; object-position: left center; flex: none; border-radius: 6px }
[dir=rtl] .brand img { object-position: right center }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 16px; padding: clamp(1.25rem, 6vw, 2rem); display: grid; gap: 1.25rem; min-width: 0; box-shadow: var(--shadow) }
.card > *, form > *, .field > * { min-width: 0 }
h1 { font-size: 1.5rem; line-height: 1.2; letter-spacing: -.02em; margin: 0; font-weight: 680; text-wrap: balance; overflow-wrap: anywhere }
h2 { font-size: 1rem; line-height: 1.35; margin: 0; font-weight: 650 }
:lang(ar) :is(h1, .brand) { letter-spacing: 0 }
p, ul { margin: 0; overflow-wrap: anywhere; text-wrap: pretty }
b { font-weight: 650 }
.muted { color: var(--muted) } .small, small { font-size: .875rem }
.head { display: grid; gap: .375rem }
.hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
a { color: var(--clay); text-underline-offset: .2em }
code { font-family: var(--mono); font-size: .9em; overflow-wrap: anywhere }
form { display: grid; gap: 1.125rem }
.field { display: grid; gap: .375rem }
label { font-weight: 550; font-size: .9375rem }
input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--edge); border-radius: 10px; padding: .7rem .85rem; width: 100%; min-height: 3rem }
input:hover { border-color: var(--clay) }
input[aria-invalid=true] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad) }
input.code { font-family: var(--mono); font-size: 1.375rem; letter-spacing: .15em; text-align: center; text-transform: uppercase }
button, .button { font: inherit; font-weight: 600; border-radius: 10px; padding: .65rem 1.125rem; min-height: 3rem; border: 1px solid transparent; background: transparent; color: var(--ink); cursor: pointer; text-align: center; text-decoration: none; display: inline-grid; place-content: center }
.primary { background: var(--clay); color: var(--clay-ink) }
.primary:hover { background: color-mix(in srgb, var(--clay) 88%, var(--ink)) }
.quiet { border-color: var(--edge) } .quiet:hover { background: var(--paper) }
.danger { color: var(--bad); border-color: color-mix(in srgb, var(--bad) 40%, var(--line)); min-height: 2.75rem; padding: .35rem .875rem; font-size: .875rem }
.danger:hover { background: var(--bad-soft) }
.link { color: var(--clay); text-decoration: underline; text-underline-offset: .2em; font-weight: 550; padding: 0 .375rem; margin-inline: -.375rem; min-height: 2.75rem; font-size: inherit }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
.stack { display: grid; gap: .75rem }
.actions { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }
.row { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .75rem }
.note { border-radius: 10px; padding: .75rem .9rem; font-size: .9375rem; display: grid; gap: .125rem; border-inline-start: 4px solid; overflow-wrap: anywhere }
.note.bad { background: var(--bad-soft); color: var(--bad) }
.note.ok { background: var(--ok-soft); color: var(--ok) }
.note.warn { background: var(--warn-soft); border-color: var(--warn) }
.who { display: flex; align-items: center; gap: .875rem; min-width: 0 }
.who small { display: block; color: var(--muted) }
.who > :last-child, .grow { flex: 1 1 0; min-width: 0; overflow-wrap: anywhere }
.avatar { width: 2.75rem; height: 2.75rem; border-radius: 50%; background: var(--clay-soft); color: var(--clay-deep); display: grid; place-items: center; font-weight: 650; flex: none; user-select: none }
.avatar.app { border-radius: 12px }
.list { list-style: none; padding: 0; border: 1px solid var(--line); border-radius: 12px; overflow: hidden }
.list > li { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; padding: .8rem 1rem }
.list > li + li { border-block-start: 1px solid var(--line) }
.list svg { width: 1.25rem; height: 1.25rem; flex: none; color: var(--clay) }
.list.tight > li { flex-wrap: nowrap; padding-block: .65rem; align-items: start } .list.tight svg { margin-block-start: .125rem }
.list .grow { flex-basis: 7rem } .list.tight .grow { flex-basis: 0 }
.list small { display: block; color: var(--muted) } small small { font-size: inherit }
.row > .who { flex: 1 1 15rem }
.choice { display: flex; align-items: center; gap: .875rem; width: 100%; text-align: start; padding: .75rem 1rem; border-color: var(--edge); font-weight: 550; place-content: normal }
.choice:hover { background: var(--paper); border-color: var(--clay) } .choice small { display: block; color: var(--muted); font-weight: 400 }
.badge { display: inline-block; font-size: .75rem; font-weight: 600; padding: .05rem .5rem; border-radius: 99px; background: var(--clay-soft); color: var(--clay-deep); white-space: nowrap; vertical-align: .05em }
.links { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem }
.fine { border-block-start: 1px solid var(--line); padding-block-start: .75rem; display: grid; gap: .25rem }
footer { display: flex; justify-content: center; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .875rem }
footer a { color: var(--muted); padding-block: .5rem }
@media (max-width: 24rem) { .actions { grid-template-columns: 1fr } }
@media (max-width: 30rem) { .page { margin-block: 0 auto; padding-block: .5rem 1.5rem } :is(.row, .list > li) > form, :is(.row, .list > li) > form > button { width: 100% } }
@media (prefers-reduced-motion: no-preference) { button, .button, input { transition: background-color .12s, border-color .12s } }
@media (forced-colors: active) { .card, input, .list, .note, button, .button, .avatar { border: 1px solid CanvasText } .link { border: 0 } }
`
