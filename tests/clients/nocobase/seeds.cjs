// The calls of the documents that this interface follows, with the prefix and without it.
const assert = require('node:assert/strict');

module.exports = async (kit) => {
  await kit.signIn();
  const { data } = kit;
  const flow = await kit.flow('Of the documents', [['calculation', { engine: 'math.js', expression: '1 + 2' }], ['delay', { duration: 1, unit: 3600000 }]]);
  const workflowId = flow.id;
  const bare = kit.client(kit.address.replace(/\/api$/, ''));
  bare.auth.setToken(kit.api.auth.token);

  for (const api of [kit.api, bare]) {
    const result = await api.resource('workflows').execute({
      filterByTk: String(workflowId),
      values: { data: { name: 'John Doe', email: 'john@example.com' } },
    });
    const executionId = data(result).execution.id;
    assert.equal(data(result).execution.status, 0);

    const list = await api.resource('executions').list({
      filter: { workflowId },
      appends: ['jobs'],
      fields: ['id', 'createdAt', 'status', 'workflowId'],
      page: 1,
      pageSize: 20,
    });
    assert.deepEqual(Object.keys(data(list)[0]).sort(), ['createdAt', 'id', 'jobs', 'status', 'workflowId']);
    assert.equal(list.data.meta.count, data(list).length);

    const found = data(await api.resource('executions').get({
      filterByTk: executionId,
      appends: ['jobs', 'workflow', 'workflow.nodes', 'workflow.versionStats', 'workflow.stats'],
      except: ['jobs.result', 'workflow.options'],
    }));
    assert.deepEqual(found.context.data, { name: 'John Doe', email: 'john@example.com' });
    assert.ok(found.jobs.every((job) => !('result' in job)) && !('options' in found.workflow));
    assert.equal(found.workflow.nodes.length, 2);
    assert.ok(found.workflow.stats.executed >= found.workflow.versionStats.executed);
    assert.deepEqual(data(await api.resource('executions').get({ filter: { id: executionId } })).id, executionId);

    const executions = await api.resource('executions').list({ filter: { status: 0 }, createdAt: { $gte: '2023-01-01' }, sort: '-id' });
    assert.equal(data(executions)[0].id, executionId);
    const none = await api.resource('executions').list({ filter: { status: 0 }, updatedAt: { $lt: '2023-01-01' } });
    assert.equal(none.data.meta.count, 0);

    await kit.fails(400, api.resource('executions').destroy({ values: {} }));
    assert.equal(data(await api.resource('executions').destroy({ filterByTk: executionId })), 0);
    assert.equal(data(await api.resource('executions').cancel({ filterByTk: executionId })).status, -3);

    const history = await api.resource('executions').list({ filter: { workflowId }, appends: ['jobs'], sort: ['-id'] });
    assert.equal(data(history)[0].id, executionId);
    assert.equal(data(history)[0].jobs.at(-1).status, -3);
    const again = data(await api.resource('executions').get({
      filterByTk: data(history)[0].id,
      appends: ['jobs', 'workflow', 'workflow.nodes'],
    }));
    assert.equal(again.id, executionId);
    assert.equal(data(await api.resource('executions').destroy({ filterByTk: executionId })), 1);
  }

  // All in one body, as the documents' command line sends it.
  const combined = { filterByTk: String(workflowId), values: { data: { name: 'John Doe' } }, autoRevision: true };
  const made = data(await kit.api.request({ url: 'workflows:execute', method: 'post', data: combined }));
  assert.deepEqual((await kit.run(made.execution.id)).context, { data: { name: 'John Doe' } });
  // It has run already, so that no version is made.
  assert.ok(!('newVersionId' in made));
};
