# frozen_string_literal: true

require_relative "helper"

# The scenarios of `conformance/groups` and `conformance/transactions`.
class ScenariosTest < Minitest::Test
  MOMENT = 0.05

  %w[groups transactions].flat_map { |folder| conformance("#{folder}/scenarios.json") }.each do |scenario|
    next unless scenario.fetch("engine", "embedded") == "embedded"

    define_method("test_#{scenario['name'].tr(' ', '_')}") { run_scenario(scenario) }
  end

  def run_scenario(scenario)
    Dir.mktmpdir do |data|
      @data = data
      @consumers, @producers, @transactions = {}, {}, {}
      @broker = Flymq::EmbeddedBroker.start(data_dir: data)
      @client = Flymq.connect(@broker.address)
      scenario["topics"].each { |topic, partitions| @client.create_topic(topic, partitions) }
      scenario["steps"].each { |step| step_or_error(step) }
    ensure
      @consumers.each_value(&:abandon)
      @producers.each_value(&:close)
      @client&.close
      @broker&.close
    end
  end

  def step_or_error(step)
    return perform(step) unless step.key?("error")

    begin
      perform(step)
    rescue Flymq::Error => e
      return assert_equal(step["error"], e.details.name, step.to_s)
    end
    flunk "no error: #{step}"
  end

  def perform(step)
    topic, partition = step["topic"], step.fetch("partition", 0)
    consumer, transaction = @consumers[step["consumer"]], @transactions[step["producer"]]
    case step["do"]
    when "produce" then step["values"].each { |value| @client.produce(topic, value, partition: partition) }
    when "read" then assert_equal step["values"], read(topic, partition, step["isolation"])
    when "create_topic" then @client.create_topic(topic, step["partitions"])
    when "add_partitions" then @client.add_partitions(topic, step["partitions"])
    when "restart_broker" then restart
    when "join" then join(step)
    when "assigned" then assigned(step["consumers"])
    when "shared" then shared(step)
    when "poll" then poll(consumer, step)
    when "position"
      wait_until("the position is reached") do
        consumer.poll(timeout: MOMENT)
        consumer.position(topic, partition) == step["offset"]
      end
    when "seek" then consumer.seek(topic, partition, Flymq.start(step["offset"]))
    when "commit" then (consumer || transaction).commit
    when "rewind" then consumer.rewind
    when "committed" then assert_equal offsets(step["offsets"]), found(step["group"])
    when "reset" then @client.reset_group_offsets(step["group"], topic, Flymq.start(step["to"].to_sym))
    when "delete_group" then @client.delete_group(step["group"])
    when "open"
      producer = @producers[step["producer"]] = @client.transactional_producer(step["transactional_id"])
      producer.open
    when "begin"
      begun = @producers[step["producer"]].transaction
      begun.begin
      @transactions[step["producer"]] = begun
    when "abort" then transaction.abort
    when "send" then step["values"].each { |value| transaction.produce(topic, value, partition: partition) }
    when "send_offsets" then transaction.send_processed(consumer)
    when "close" then (@consumers.delete(step["consumer"]) || @producers.delete(step["producer"])).close
    else flunk "unknown step #{step}"
    end
  end

  def restart
    port = @broker.address.split(":").last.to_i
    @broker.close
    @broker = Flymq::EmbeddedBroker.start(data_dir: @data, port: port)
  end

  def read(topic, partition, isolation)
    isolation = Flymq::Isolation.const_get(isolation.upcase)
    values = []
    offset = 0
    loop do
      messages = @client.fetch(topic, partition, offset, isolation: isolation)
      return values if messages.empty?

      values.concat(messages.map(&:text))
      offset = messages.last.offset + 1
    end
  end

  def join(step)
    options = { group: step["group"] }
    options[:auto_commit_interval_ms] = 0 unless step["auto_commit"]
    %w[auto_offset_reset assignor instance_id].each { |name| options[name.to_sym] = step[name] if step[name] }
    consumer = @consumers[step["consumer"]] = @client.consumer(**options)
    step["pattern"] ? consumer.subscribe_pattern(step["pattern"]) : consumer.subscribe(step["topics"])
  end

  # What a consumer holds, after a poll that returned nothing: records would be lost to the scenario.
  def held(name)
    assert_empty @consumers[name].poll(timeout: MOMENT)
    @consumers[name].assignment.map { |slot| [slot.topic, slot.partition] }.sort
  end

  def assigned(wanted)
    expected = wanted.transform_values { |topics| topics.flat_map { |t, ps| ps.map { |p| [t, p] } }.sort }
    wait_until("partitions are assigned as in #{expected}") do
      expected.to_h { |name, _| [name, held(name)] } == expected
    end
  end

  def shared(step)
    wait_until("the partitions are shared") do
      held = step["consumers"].map { |name| held(name).select { |topic, _| topic == step["topic"] } }
      held.flatten(1).uniq.size == step["partitions"] && held.map(&:size).sort == step["each"]
    end
  end

  def poll(consumer, step)
    wait_until("polling fails") { consumer.poll(timeout: MOMENT) && false } if step.key?("error")
    values = []
    while values.size < step["values"].size
      values.concat(consumer.poll(max: step.fetch("max_records", 500), timeout: LONG).map(&:text))
    end
    assert_equal step["values"], values.sort
  end

  def offsets(topics)
    topics.flat_map { |topic, numbers| numbers.map { |partition, offset| [[topic, partition.to_i], offset] } }.to_h
  end

  def found(group) = @client.group_offsets(group).to_h { |found| [[found.topic, found.partition], found.offset] }
end
