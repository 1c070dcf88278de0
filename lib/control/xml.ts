/** Attributes of an element, in their order. What is undefined is left out. */
export type XmlAttributes = Readonly<Record<string, string | number | bigint | boolean | undefined>>

/**
 * Text of an element. XML 1.0 has no form for most control characters, lone surrogates and two others: they become
 * U+FFFD. A carriage return is written as a reference, as a parser would make a line feed of it.
 */
export function xmlText(text: string): string {
  return allowed(text).replace(/[&<>\r]/g, reference)
}

/** An element on its own or round `inner`, which is XML already. `name` and those of attributes must be names. */
export function xmlElement(name: string, attributes: XmlAttributes = {}, inner?: string): string {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  const head = [name, ...given.map(([key, value]) => `${key}="${xmlAttribute(String(value))}"`)].join(' ')
  return inner === undefined || inner === '' ? `<${head}/>` : `<${head}>${inner}</${name}>`
}

/** Whether XML takes it as the name of an element or attribute; of the letters that it could be, ASCII alone. */
export function isXmlName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)
}

/** A parser makes one blank of a line feed or tab in an attribute, unless it is a reference. */
function xmlAttribute(text: string): string {
  return allowed(text).replace(/[&<>"\r\n\t]/g, reference)
}

function allowed(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Surrogate}]/gu

function reference(character: string): string {
  return REFERENCES[character] ?? `&#${character.charCodeAt(0)};`
}

const REFERENCES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
