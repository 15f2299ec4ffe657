import { readFileSync } from 'node:fs'
import { changeTenant } from '#bulla/oauth/registration/branding.js'
import { registerTenant } from '#bulla/oauth/registration/tenant.js'
import type { TenantRecord } from '#bulla/store/registry/tenants.js'
import { DEFAULT_SLUG } from '#bulla/store/tenants.js'
import { command, integer } from './command.js'
import type { Context } from './context.js'
import { RefusedError, UsageError } from './errors.js'
import { openRotation } from './key-tools.js'
import { PAGE, uuidPage } from './listing.js'
import { listing } from './output.js'

const WHICH = { slug: { value: 'SLUG', help: 'The tenant; --tenant says the same.' } } as const

const ENDS = "Everything of the tenant's ends with it: grants, tokens and sessions, and nothing revives them."

function present(
  { id, slug, name, maxTokenLifetime, branding, logoType, disabled, createdAt }: TenantRecord,
  issuerOf: Context['issuerOf'],
) {
  return {
    tenant_id: id,
    slug,
    name,
    issuer: issuerOf(slug),
    max_token_lifetime: maxTokenLifetime,
    accent: branding.accent,
    accent_dark: branding.accentDark,
    help_uri: branding.helpUri,
    privacy_uri: branding.privacyUri,
    logo: logoType,
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

const LOOKS = ['name', 'accent', 'accent-dark', 'help-uri', 'privacy-uri', 'logo'] as const

/** An empty value stands for none. */
const orNull = (value: string | undefined) => (value === '' ? null : value)

/** The bytes of a file; null for none: an empty name, or `--no-logo`, which the parser takes for `--logo` with the value false. */
function logoFile(file: string | boolean | undefined): Uint8Array | null | undefined {
  if (file === undefined || typeof file === 'boolean' || file === '') return file === undefined ? undefined : null
  try {
    return readFileSync(file)
  } catch (error) {
    throw new RefusedError(`--logo ${file} can't be read: ${error instanceof Error ? error.message : String(error)}.`)
  }
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

  update: command({
    summary: 'Changes how people see a tenant: what is named, an empty value takes away.',
    options: {
      ...WHICH,
      name: { value: 'NAME', help: 'The name people see.' },
      accent: { value: '#RRGGBB', help: 'The colour of links, marks and the main button on light surfaces.' },
      'accent-dark': { value: '#RRGGBB', help: 'The same on dark surfaces; a lighter --accent unless told.' },
      'help-uri': { value: 'URL', help: 'Where its pages link to for help, https.' },
      'privacy-uri': { value: 'URL', help: 'Where its pages link to for how it uses data, https.' },
      logo: { value: 'FILE', help: 'A PNG, JPEG or WebP of at most 256 KiB, shown 36 pixels high.' },
      'no-logo': { help: 'Without one.' },
    },
    notes: ['A colour must have a contrast of 4.5:1 on what it stands on.'],
    check({ slug: _, ...given }) {
      if (LOOKS.every((name) => given[name] === undefined)) throw new UsageError('Name at least one thing to change.')
    },
    async run(context, given) {
      const { id, slug } = await find(context, given.slug)
      const change = {
        name: given.name,
        accent: orNull(given.accent),
        accentDark: orNull(given['accent-dark']),
        helpUri: orNull(given['help-uri']),
        privacyUri: orNull(given['privacy-uri']),
        logo: logoFile(given.logo),
      }
      const outcome = await context.tenants.update(
        { id, change: (current) => changeTenant(current, change) },
        context.by,
      )
      if (outcome === 'unknown') throw new RefusedError(`The tenant ${slug} has just been deleted.`)
      return { json: present(await find(context, slug), context.issuerOf) }
    },
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
