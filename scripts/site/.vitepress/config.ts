export { default } from "../SiteConfig.ts"
