import { registerTenant } from '#bulla/oauth/registration/tenant.js'
import type { TenantRecord } from '#bulla/store/registry/tenants.js'
import { DEFAULT_SLUG } from '#bulla/store/tenants.js'
import { command, integer } from './command.js'
import type { Context } from './context.js'
import { RefusedError } from './errors.js'
import { openRotation } from './key-tools.js'
import { PAGE, uuidPage } from './listing.js'
import { listing } from './output.js'

const WHICH = { slug: { value: 'SLUG', help: 'The tenant; --tenant says the same.' } } as const

const ENDS = "Everything of the tenant's ends with it: grants, tokens and sessions, and nothing revives them."

function present(
  { id, slug, name, maxTokenLifetime, disabled, createdAt }: TenantRecord,
  issuerOf: Context['issuerOf'],
) {
  return {
    tenant_id: id,
    slug,
    name,
    issuer: issuerOf(slug),
    max_token_lifetime: maxTokenLifetime,
    disabled,
    created_at: createdAt,
  }
}

async function find(context: Context, slug: string | undefined): Promise<TenantRecord> {
  if (slug === undefined) return context.tenant()
  const found = await context.tenants.find(slug)
  if (found) return found
  throw new RefusedError(`There is no tenant ${slug}. \`admin tenant list\` names those there are.`)
}

export const tenantCommands = {
  create: command({
    summary: 'Makes a tenant with an issuer, keys, users, clients and APIs of its own, served under /t/SLUG.',
    options: {
      slug: {
        value: 'SLUG',
        required: true,
        help: 'Its place in URLs: lower-case letters, digits, hyphens. It never changes.',
      },
      name: { value: 'NAME', help: 'The name people see; the slug unless told.' },
      'max-token-lifetime': { value: 'SECONDS', help: 'No access token of the tenant lives longer. It never changes.' },
    },
    check: (given) => void integer('max-token-lifetime', given['max-token-lifetime']),
    async run(context, given) {
      const settings = registerTenant({
        slug: given.slug,
        name: given.name,
        maxTokenLifetime: integer('max-token-lifetime', given['max-token-lifetime']) ?? context.config.maxTokenLifetime,
      })
      // Opened before anything is written: a tenant without keys would be of no use.
      const rotation = await openRotation(context)
      const made = await context.tenants.create(settings, context.by)
      if (made.result === 'taken') {
        throw new RefusedError(
          `The slug ${settings.slug} is taken. Those of deleted tenants stay so: their tokens name them.`,
        )
      }
      await rotation.ensure(made.id)
      return { json: present(await find(context, settings.slug), context.issuerOf) }
    },
  }),

  list: command({
    summary: 'Lists the tenants, the oldest first.',
    options: PAGE,
    check: (given) => void uuidPage(given),
    async run(context, given) {
      const { items, next } = await context.tenants.list(uuidPage(given))
      const shown = items.map((tenant) => present(tenant, context.issuerOf))
      return listing('tenants', { items: shown, next }, ['slug', 'name', 'issuer', 'disabled', 'created_at'])
    },
  }),

  show: command({
    summary: 'Shows one tenant.',
    options: WHICH,
    run: async (context, { slug }) => ({ json: present(await find(context, slug), context.issuerOf) }),
  }),

  disable: changing('Stops a tenant: its issuer issues nothing, and goes on saying what is revoked.', 'disable'),
  enable: changing('Lets a disabled tenant work again. Nothing that had ended comes back.', 'enable'),
  delete: changing('Deletes a tenant. Its slug stays taken.', 'delete'),
}

function changing(summary: string, act: 'disable' | 'enable' | 'delete') {
  const notes = act === 'enable' ? [] : [ENDS]
  return command({
    summary,
    notes,
    options: WHICH,
    async run(context, given) {
      const { id, slug } = await find(context, given.slug)
      const { tenants, by, issuerOf } = context
      const outcome =
        act === 'enable' ? await tenants.enable(id, by) : await tenants[act]({ id, issuer: issuerOf(slug) }, by)
      if (outcome === 'default') {
        throw new RefusedError(
          `The tenant ${DEFAULT_SLUG} is the server itself and can't be ${act}d: stop the server, or end what it issued with \`admin revoke --all\`.`,
        )
      }
      if (outcome === 'unknown') throw new RefusedError(`The tenant ${slug} has just been deleted.`)
      return { json: { tenant_id: id, slug, result: outcome }, notes: outcome === 'unchanged' ? [] : notes }
    },
  })
}
