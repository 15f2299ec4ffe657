/** Users, clients, APIs, keys and an issuer of their own. The tenant at the origin's root has the slug `default`. */
export interface Tenant {
  readonly id: string
  readonly slug: string
}

export const DEFAULT_SLUG = 'default'
