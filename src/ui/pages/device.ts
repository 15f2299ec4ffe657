import { type FormProps, form, problem } from '../form.js'
import { type Html, html } from '../html.js'
import { layout } from '../layout.js'
import type { PageContext } from '../page-context.js'

export type DeviceProps = FormProps & {
  readonly userCode?: string | undefined
  readonly error?: 'unknown' | 'expired' | undefined
}

/** Asks for the code that a device shows. Posts `user_code`. RFC 8628 §3.3. */
export function devicePage(props: DeviceProps, context: PageContext): Html {
  const { title, intro, userCode, submit, advice, errors } = context.language.texts.device
  const { error } = props
  const field = html`<div class="field"><label for="user_code">${userCode}</label><input class="code" id="user_code" name="user_code" type="text" autocomplete="off" autocapitalize="characters" autocorrect="off" spellcheck="false" dir="ltr" required autofocus value="${props.userCode}"${error && html` aria-invalid="true" aria-describedby="problem"`}></div>
<p class="small muted">${advice}</p>
<button class="primary">${submit}</button>`
  return layout(
    {
      title,
      failed: error !== undefined,
      body: html`<section class="card">
<div class="head"><h1>${title}</h1><p class="muted">${intro}</p></div>
${error && problem(errors[error])}${form(props, field)}
</section>`,
    },
    context,
  )
}
