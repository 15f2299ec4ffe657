import { type Html, html, url } from '../html.js'
import { layout } from '../layout.js'
import type { PageContext } from '../page-context.js'
import { continueLink } from './signed-out.js'

export type SigningOutProps = {
  /** What clients registered to be told by, with `iss` and `sid`; never of this origin. */
  readonly frames: readonly string[]
  readonly continueTo?: string | undefined
}

/** Seconds: time for the frames to load, not so much that people leave. */
const PATIENCE = 4

/**
 * Tells clients in frames that nobody sees, and goes on by itself. OpenID Connect Front-Channel Logout §3. A frame may run scripts and reach
 * what its own origin stored, which is all that signing out takes; it opens nothing, asks for nothing and leads nowhere.
 */
export function signingOutPage({ frames, continueTo }: SigningOutProps, context: PageContext): Html {
  const { workingTitle, working } = context.language.texts.signOut
  const told = frames.map(
    (frame) =>
      html`<iframe src="${url(frame)}" title="${workingTitle}" sandbox="allow-scripts allow-same-origin" referrerpolicy="no-referrer" hidden></iframe>`,
  )
  return layout(
    {
      title: workingTitle,
      head:
        continueTo !== undefined && html`<meta http-equiv="refresh" content="${PATIENCE}; url=${url(continueTo)}">\n`,
      body: html`<section class="card">
<div class="head"><h1>${workingTitle}</h1><p class="muted">${working}</p></div>
${continueTo !== undefined && continueLink(continueTo, undefined, context)}${told}
</section>`,
    },
    context,
  )
}
