import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stopServers } from '../support/server.js'
import { ENDPOINTS } from './endpoints.js'
import { flameSvg } from './flame-svg.js'
import { overHttp } from './http-load.js'
import { startProbed } from './probe.js'
import { openStage, type Stage } from './stage.js'

// npm run bench:flame [-- DIRECTORY [name …]]: what the server spends its time on under each load, as a chart for the documents.

const SECONDS = 6
const WARM_UP = 2

async function chart(name: string, stage: Stage, directory: string): Promise<void> {
  const server = await startProbed(stage)
  const load = await overHttp(server.url, (await ENDPOINTS[name]?.({ ...stage, server })) ?? [])
  await load(WARM_UP * 1000)
  const profile = await server.profile(() => load(SECONDS * 1000))
  await server.stop()
  const file = join(directory, `${name.toLowerCase().replaceAll('_', '-')}.svg`)
  const svg = flameSvg(profile, `${name}, Node ${process.versions.node}`)
  writeFileSync(file, svg)
  console.log(`${file}: ${Math.round(svg.length / 1024)} KiB`)
}

const [directory = 'docs/performance', ...names] = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(ENDPOINTS, name))
if (unknown.length > 0) {
  console.error(`There is no load ${unknown.join(', ')}; there are ${Object.keys(ENDPOINTS).join(', ')}.`)
  process.exitCode = 2
} else {
  mkdirSync(directory, { recursive: true })
  const stage = await openStage()
  try {
    for (const name of names.length > 0 ? names : Object.keys(ENDPOINTS)) await chart(name, stage, directory)
  } finally {
    await stopServers()
    await stage.close()
  }
}
