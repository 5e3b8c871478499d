import type {
  FastifyMultipartBaseOptions,
  Multipart,
  MultipartFile,
  MultipartValue,
} from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { licenseMaxBytes } from '../../../license/document.ts'
import { requestMaxBytes } from '../../../license/machine-request.ts'
import { requestProblem } from '../../../license/request-problems.ts'
import { httpProblem, ProblemError, problemOfRefusal } from '../problems.ts'

/** What a person typed, so that it can be shown again beside what is wrong with it. */
export interface FormValues {
  request: string
  installationKey: string
  sessions: string
}

export const emptyForm: FormValues = { request: '', installationKey: '', sessions: '' }

export type FieldName = keyof FormValues

export interface FieldError {
  field: FieldName
  message: string
}

const maxSessions = 1_000_000

/** Names of the fields; the request comes as a file or as text. */
export const fieldNames = {
  requestFile: 'requestFile',
  request: 'request',
  installationKey: 'installationKey',
  sessions: 'sessions',
} as const

type Limits = NonNullable<FastifyMultipartBaseOptions['limits']>

const formLimits: Limits = {
  files: 1,
  fields: 4,
  parts: 6,
  fieldNameSize: 40,
  fieldSize: licenseMaxBytes,
  headerPairs: 20,
}

/** Reads the form. A file goes over pasted text, which may be what the page itself has kept of an earlier one. */
export async function readForm(request: FastifyRequest): Promise<FormValues> {
  const fields = new Map<string, string>()
  let file = ''
  for await (const part of partsOf(request, { ...formLimits, fileSize: requestMaxBytes + 1 })) {
    if (part.type === 'file') file = await readRequestFile(part)
    else fields.set(part.fieldname, textOf(part))
  }
  const typed = (name: string) => fields.get(name)?.trim() ?? ''
  return {
    request: file === '' ? typed(fieldNames.request) : file,
    installationKey: typed(fieldNames.installationKey),
    sessions: typed(fieldNames.sessions),
  }
}

/** Reads one text field of a form that has no other. */
export async function readSingleField(request: FastifyRequest, name: string): Promise<string> {
  let value = ''
  for await (const part of partsOf(request, { ...formLimits, files: 0, fields: 1, parts: 1 })) {
    if (part.type === 'field' && part.fieldname === name) value = textOf(part)
  }
  return value.trim()
}

async function* partsOf(request: FastifyRequest, limits: Limits): AsyncGenerator<Multipart> {
  try {
    yield* request.parts({ limits })
  } catch (error) {
    // The parser says by a status what exceeds a bound; of what it cannot read at all it says nothing.
    if (error instanceof ProblemError || typeof (error as { statusCode?: unknown }).statusCode === 'number')
      throw error
    throw damaged()
  }
}

function damaged(): ProblemError {
  return new ProblemError(httpProblem('body-invalid', 'The form was damaged on its way.'))
}

/** Bytes that are no text stay visible as such: the service says what is wrong with them. */
async function readRequestFile(part: MultipartFile): Promise<string> {
  const bytes = await bytesOf(part)
  if (!part.file.truncated) return bytes.toString('latin1').trim()
  const problem = requestProblem('request-too-large', { bytes: bytes.length, maxBytes: requestMaxBytes })
  throw new ProblemError(problemOfRefusal({ ...problem, representative: null }))
}

/** A form that ends in the middle of its file fails here, in the file, and not where its parts are read. */
async function bytesOf({ file }: MultipartFile): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of file) chunks.push(chunk)
  } catch {
    throw damaged()
  }
  return Buffer.concat(chunks)
}

function textOf(part: MultipartValue): string {
  return typeof part.value === 'string' ? part.value : ''
}

export type CheckedForm =
  | { ok: true; request: string; installationKey: string; sessions: number | undefined }
  | { ok: false; errors: FieldError[] }

/** What can be said of the form before anybody else is asked. */
export function checkForm(values: FormValues): CheckedForm {
  const errors: FieldError[] = []
  if (values.request === '') {
    errors.push({ field: 'request', message: 'Choose the request file of the machine, or paste its text.' })
  }
  const number = /^[0-9]{1,7}$/.test(values.sessions) ? Number(values.sessions) : Number.NaN
  const isNumber = number >= 1 && number <= maxSessions
  if (values.sessions !== '' && !isNumber) {
    const message = `Write the number of sessions as a whole number from 1 to ${maxSessions.toLocaleString('en')}, or leave it empty.`
    errors.push({ field: 'sessions', message })
  }
  if (errors.length > 0) return { ok: false, errors }
  const { request, installationKey } = values
  return { ok: true, request, installationKey, sessions: values.sessions === '' ? undefined : number }
}

/** The field that a person can mend where the service refuses; null where none of them is at fault. */
export function fieldOfRefusal(code: string): FieldName | null {
  if (
    code.startsWith('installation-key-') ||
    code === 'transfer-key-used' ||
    code === 'too-many-wrong-keys'
  ) {
    return 'installationKey'
  }
  if (['pool-exhausted', 'lowering-refused', 'sessions-required', 'one-seat-a-machine'].includes(code)) {
    return 'sessions'
  }
  return code.startsWith('request-') && code !== 'request-timeout' ? 'request' : null
}
