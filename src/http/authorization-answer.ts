import { type Recipient, type ResponseParams, responseLocation } from '../oauth/authorization-response.js'
import { formPostPage } from '../ui/pages/form-post.js'
import { formActionTo } from './form-action.js'
import type { HttpRequest, HttpResponse, ResponseHeaders } from './handler.js'
import { page } from './page.js'
import { seeOther } from './see-other.js'

/** An authorization response, the way the client wants it. RFC 6749 §4.1.2, OAuth 2.0 Form Post Response Mode §2. */
export function answerClient(
  request: HttpRequest,
  to: Recipient,
  { params, headers = {} }: { readonly params: ResponseParams; readonly headers?: ResponseHeaders },
): HttpResponse {
  if (to.responseMode !== 'form_post') return seeOther(responseLocation(to, params), headers)
  const { redirectUri: action, client } = to
  return page(request, (context) => formPostPage({ action, fields: params, client }, context), {
    headers,
    script: true,
    keepsOpener: true,
    formAction: formActionTo(action),
  })
}
