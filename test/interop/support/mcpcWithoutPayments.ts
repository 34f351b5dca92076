/** Loaded into mcpc's processes: the 74 MB of its library for payments are not installed, and nothing here pays. What is imported of it is nothing. */
import { registerHooks } from "node:module"

const names = [
  "base",
  "baseSepolia",
  "createPublicClient",
  "createWalletClient",
  "erc20Abi",
  "formatEther",
  "formatUnits",
  "generatePrivateKey",
  "http",
  "privateKeyToAccount"
]
const url = `data:text/javascript,${names.map((name) => `export const ${name} = {}`).join(";")}`

registerHooks({
  resolve: (specifier, context, next) =>
    /^viem(?:\/|$)/.test(specifier) ? { url, shortCircuit: true } : next(specifier, context)
})
