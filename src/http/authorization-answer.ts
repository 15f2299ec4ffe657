import { type AuthorizationResponse, type Recipient, responseLocation } from '../oauth/authorization-response.js'
import { formPostPage } from '../ui/pages/form-post.js'
import { formActionTo } from './form-action.js'
import type { HttpRequest, HttpResponse } from './handler.js'
import { page } from './page.js'
import { seeOther } from './see-other.js'

/** An authorization response, the way the client wants it. RFC 6749 §4.1.2, OAuth 2.0 Form Post Response Mode §2. */
export function answerClient(request: HttpRequest, to: Recipient, response: AuthorizationResponse): HttpResponse {
  const { reason, params: fields } = response
  if (to.responseMode !== 'form_post') return { ...seeOther(responseLocation(to, response)), reason }
  const { redirectUri: action, client } = to
  const answer = page(request, (context) => formPostPage({ action, fields, client }, context), {
    script: true,
    keepsOpener: true,
    formAction: formActionTo(action),
  })
  return { ...answer, reason }
}
