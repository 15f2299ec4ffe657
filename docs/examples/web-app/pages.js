import { createHash } from 'node:crypto'

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 38rem; padding: 12vh 1.5rem 2rem }
h1 { font-size: 1.6rem; margin: 0 0 .5rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.5rem; margin: 1.5rem 0; padding: 1.25rem 1.5rem;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: .75rem }
dt { opacity: .65 }
dd { margin: 0; overflow-wrap: anywhere }
a.button, button { display: inline-block; padding: .6rem 1.1rem; border: 0; border-radius: .5rem; font: inherit; font-weight: 600;
  background: #1d5fd1; color: #fff; text-decoration: none; cursor: pointer }
:is(a.button, button):focus-visible { outline: 3px solid #7fb0ff; outline-offset: 2px }
`

/** What the pages may load and where their forms may lead: nothing but this style; here, and to the server that signs people out. */
export const policy = (issuer) =>
  [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
    // Browsers hold a redirect after a form to this, too.
    `form-action 'self' ${new URL(issuer).origin}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (value) => String(value).replace(/[&<>"']/g, (one) => ENTITIES[one])

const page = (title, body) => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style></head>
<body>
<h1>${escaped(title)}</h1>
${body}
</body>
</html>
`

const SIGN_IN = '<p><a class="button" href="/sign-in">Sign in</a></p>'

/** A heading, a sentence, and the way to sign in. */
export const messagePage = (title, text) => page(title, `<p>${escaped(text)}</p>\n${SIGN_IN}`)

/** `claims`: what the server says of the person, by the scopes that were asked for. */
export function profilePage(claims) {
  const rows = Object.entries(claims).map(([name, value]) => {
    const text = typeof value === 'object' ? JSON.stringify(value) : value
    return `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`
  })
  return page(
    `Hello, ${claims.name ?? claims.email ?? claims.sub}`,
    `<p>You are signed in. This is what the app was told of you:</p>
<dl>
${rows.join('\n')}
</dl>
<form method="post" action="/sign-out"><button>Sign out</button></form>`,
  )
}
