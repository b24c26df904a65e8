import { basename } from 'node:path';
import { badRequest } from '../http/protocol-error.js';
import { json, type Route } from '../http/route.js';
import { pageOf } from '../http/page-of.js';
import { readFormBody } from '../http/read-body.js';
import type { ServerContext } from '../server-context.js';
import { type FileStore, uploadPurposes } from './file-store.js';

export function fileRoutes(context: ServerContext, files: FileStore): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/files',
      handle: async ({ request }) => {
        const form = await readFormBody(request, context.uploadLimits);
        const [file, written] = [form.get('file'), form.get('purpose')];
        if (file === null || typeof file === 'string') throw badRequest('file: a file is needed', 'file');
        const purpose = uploadPurposes.find((known) => known === written);
        if (purpose === undefined) throw badRequest(`purpose: there are ${uploadPurposes.join(', ')}`, 'purpose');
        // A name is only shown: files lie under their ids.
        const name = basename(file.name.replaceAll('\\', '/')).slice(0, 255);
        return json(await files.create(name === '' ? 'file' : name, purpose, new Uint8Array(await file.arrayBuffer())));
      },
    },
    {
      method: 'GET',
      path: '/v1/files',
      handle: async ({ query }) => {
        const purpose = query.get('purpose');
        const wanted = files.list().filter((file) => purpose === null || file.purpose === purpose);
        return Promise.resolve(json(pageOf(wanted, query, { usual: 10_000, most: 10_000 })));
      },
    },
    {
      method: 'GET',
      path: '/v1/files/:file',
      handle: async ({ parameters }) => Promise.resolve(json(files.get(parameters['file'] ?? ''))),
    },
    {
      method: 'GET',
      path: '/v1/files/:file/content',
      handle: async ({ parameters }) => {
        const file = files.get(parameters['file'] ?? '');
        return { kind: 'bytes', bytes: await files.read(file), name: file.filename };
      },
    },
    {
      method: 'DELETE',
      path: '/v1/files/:file',
      handle: async ({ parameters }) => {
        const file = files.get(parameters['file'] ?? '');
        await files.remove(file);
        return json({ id: file.id, object: 'file', deleted: true });
      },
    },
  ];
}
