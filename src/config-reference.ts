import { z } from 'zod'
import { groups } from './config.js'

const BEGIN = '<!-- configuration -->'
const END = '<!-- /configuration -->'

/** A default as it is written in the environment, or in words where it depends on something. */
function initial(schema: z.ZodType): { value: string } | { words: string } {
  const words = schema.meta()?.['initial']
  if (typeof words === 'string') return { words }
  return { value: schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : '' }
}

function wrap(text: string): string[] {
  return (text.match(/.{1,98}(?:\s|$)/g) ?? []).map((line) => `# ${line.trim()}`)
}

/** The text of `.env.example`: every setting with its default, switched off. */
export function environmentExample(): string {
  const lines = ['# Copy this file to .env, and remove the # in front of what you set. Empty counts as unset.']
  for (const { title, shape } of groups) {
    lines.push('', `# --- ${title} ---`)
    for (const [name, schema] of Object.entries(shape)) {
      const unset = initial(schema)
      lines.push('', ...wrap(schema.meta()?.description ?? ''))
      if ('words' in unset) lines.push(...wrap(`Unset: ${unset.words.replaceAll('`', '')}.`))
      lines.push(`#${name}=${'value' in unset ? unset.value : ''}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function table(): string {
  const rows = groups.flatMap(({ shape }) =>
    Object.entries(shape).map(([name, schema]) => {
      const unset = initial(schema)
      return `| \`${name}\` | ${'value' in unset ? `\`${unset.value}\`` : unset.words} | ${schema.meta()?.description} |`
    }),
  )
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

/** The README with the table between its markers brought up to date. Throws when it has no markers. */
export function withTable(readme: string): string {
  const [before, rest] = readme.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`README.md lacks ${BEGIN} … ${END}.`)
  return `${before}${BEGIN}\n\n${table()}\n\n${END}${after}`
}
