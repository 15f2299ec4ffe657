// A page with oidc-client-ts and nothing else, to be bundled: what a person would press is called by the test.
import { UserManager } from 'oidc-client-ts'

const { origin, pathname } = window.location
const manager = new UserManager({
  ...JSON.parse(document.querySelector('#settings').textContent),
  redirect_uri: `${origin}/callback`,
  popup_redirect_uri: `${origin}/popup`,
  post_logout_redirect_uri: `${origin}/bye`,
  loadUserInfo: true,
  revokeTokensOnSignout: true,
  automaticSilentRenew: false,
})

window.app = {
  manager,
  /** As plain data, or null. */
  user: async () => JSON.parse(JSON.stringify(await manager.getUser())),
}
const CALLBACKS = {
  '/callback': () => manager.signinRedirectCallback(),
  '/popup': () => manager.signinPopupCallback(),
  '/bye': () => manager.signoutRedirectCallback(),
}
window.arrived = Promise.resolve(CALLBACKS[pathname]?.()).then(
  () => 'ok',
  (error) => error.error ?? error.message,
)
