/**
 * undici as one file of ES modules, for bundlers only: `#undici` in the `imports` of `@holdfast/mcp` leads them to it.
 *
 * undici is CommonJS. A bundle in ES modules keeps its `require("node:net")`, and esbuild's has no `require` to call. Here each of
 * them is `process.getBuiltinModule`, which works in a bundle of either format. What the client does not use (fetch, caches,
 * WebSocket) is left out.
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { rolldown } from "rolldown"

const entry = "\0undici"

/** undici holds it, compiled to WebAssembly. */
const ofLlhttp = `It holds llhttp, which is licensed as undici is (MIT). Copyright (c) 2018 Fedor Indutny.
`

const exports = `
export { default as Agent } from "undici/lib/dispatcher/agent.js"
export { default as EnvHttpProxyAgent } from "undici/lib/dispatcher/env-http-proxy-agent.js"
export { default as buildConnector } from "undici/lib/core/connect.js"
import decompress from "undici/lib/interceptor/decompress.js"
export const interceptors = { decompress }
`

/** `folder`: of the package that depends on undici. Returns the path of the file. */
export const bundleUndici = async (folder: string): Promise<string> => {
  const require = createRequire(Path.join(folder, "package.json"))
  const home = Path.dirname(require.resolve("undici/package.json"))
  const bundle = await rolldown({
    input: entry,
    platform: "node",
    plugins: [{
      name: "undici",
      resolveId: (id, _, { kind }) =>
        id === entry || (id.startsWith("node:") && kind === "require-call")
          ? id
          : id.startsWith("undici/")
          ? require.resolve(id)
          : undefined,
      load: (id) => {
        if (id === entry) return exports
        if (id.startsWith("node:")) return `module.exports = process.getBuiltinModule(${JSON.stringify(id)})`
        return undefined
      }
    }]
  })
  const file = Path.join(folder, "dist/internal/undici.js")
  const license = Fs.readFileSync(Path.join(home, "LICENSE"), "utf8")
  const { output } = await bundle.write({
    file,
    format: "esm",
    codeSplitting: false,
    banner: `/*! undici\n\n${license}\n${ofLlhttp}*/`
  })
  await bundle.close()
  const foreign = output.flatMap((chunk) => chunk.type === "chunk" ? chunk.moduleIds : [])
    .filter((id) => id.includes("/node_modules/") && !id.startsWith(`${home}${Path.sep}`))
  if (foreign.length > 0) throw new Error(`the banner names undici only, and this is in it: ${foreign.join(", ")}`)
  return file
}
