# frozen_string_literal: true

require "timeout"
require_relative "helper"

# Errors, encryption, users, interruption, forks, and what is left behind.
class ClientTest < Minitest::Test
  def test_an_error_of_every_code_arrives_with_it
    table = conformance("errors.json")["errors"]
    assert_equal table.map { |e| [e["code"], e["name"], e["retriable"], e["hint"]] },
                 Flymq.error_table.map { |e| [e.number, e.name, e.retriable, e.hint] }
    families = { 1 => :Protocol, 2 => :Session, 3 => :Topic, 4 => :Log, 5 => :Group, 6 => :Transaction,
                 7 => :Broker, 9 => :Client }
    peer("refuse") do |address|
      Flymq.connect(address, request_timeout_ms: 200) do |client|
        table.each do |entry|
          error = assert_raises(Flymq::Error.const_get(families[entry["code"] / 100])) do
            client.delete_topic(entry["name"])
          end
          assert_kind_of Flymq::Error, error
          assert_equal entry["name"].to_sym, error.code
          assert_equal entry["code"], error.details.code
          assert_equal entry["retriable"], error.retriable?
          assert_includes error.message, "as it was asked to (#{entry['name']} #{entry['code']}; #{entry['hint']})"
        end
      end
    end
  end

  def bytes(hex) = hex && [hex].pack("H*")

  def test_sealed_records_open_and_others_do_not
    document = conformance("encryption/sealed.json")
    offsets = Hash.new(-1)
    Flymq::EmbeddedBroker.start(fsync: false) do |broker|
      peer("seal", broker.address) {}
      (document["vectors"] + document["refused"]).each do |vector|
        topic, record = vector.values_at("topic", "record")
        next unless topic.match?(/\A[a-zA-Z0-9._-]+\z/)

        key = record ? vector : document["refused_with"]
        offset = offsets[topic] += 1
        keyring = Flymq::Keyring.with_key(key["key_id"], bytes(key["key"]))
        Flymq.connect(broker.address, keyring: keyring) do |client|
          if record
            message = client.consume(topic, 0, offset)
            headers = record["headers"].map { |name, value| [name, bytes(value)] }
            assert_equal [bytes(record["key"]), bytes(record["value"]), headers],
                         [message.key, message.value, message.headers.map { |h| [h.name, h.value] }]
          else
            error = assert_raises(Flymq::Error::Client) { client.consume(topic, 0, offset) }
            assert_equal vector["error"], error.details.name
          end
        end
      end
    end
    assert_operator offsets.values.sum { |last| last + 1 }, :>, 10
  end

  def test_mistakes_are_told_where_they_are_made
    assert_raises(ArgumentError) { Flymq.connect("localhost", username: "ada") }
    refused = assert_raises(Flymq::Error::Client) { Flymq.connect("127.0.0.1:1", connect_timeout_ms: 100) }
    assert_equal :CONNECT_FAILED, refused.code
    with_client do |broker, client|
      client.consumer do |consumer|
        wrong = assert_raises(ArgumentError) { consumer.read(["t", 0] => :begining) }
        assert_includes wrong.message, ":earliest, :latest"
      end
      mistyped = assert_raises(Flymq::Error::Client) { client.consumer(grup: "g") }
      assert_includes mistyped.message, "is it group?"
      other = Flymq.connect(broker.address)
      other.close
      assert_equal :CLOSED, assert_raises(Flymq::Error::Client) { other.produce("t", "x") }.code
    end
  end

  def test_what_is_produced_is_consumed
    with_client do |_, client|
      client.create_topic("t", 3, { "retention_ms" => "60000" })
      stored = client.produce("t", "größer", key: "k", headers: { h: "1" }, timestamp_ms: 7)
      message = client.consume("t", stored.partition, stored.offset)
      assert_equal ["größer", "k", 7, "h", "1"],
                   [message.text, message.key, message.timestamp_ms, message.headers[0].name, message.headers[0].value]
      client.produce("t", nil, key: "k")
      assert_nil client.consume("t", stored.partition, stored.offset + 1).value
      assert_equal 1, client.list_topics.size
      assert_operator client.metrics.sent_records, :>=, 2
      client.producer(compression: "lz4") { |producer| producer.produce_all("t", Array.new(1000, "x")) }
      total = client.describe_topic("t").partitions.sum(&:latest)
      assert_equal 1002, total
    end
  end

  def test_each_returns_again_what_it_did_not_pass_on
    with_client do |_, client|
      client.create_topic("t")
      client.produce_all("t", %w[a b c])
      client.consumer(group: "g") do |consumer|
        consumer.subscribe(["t"])
        assert_equal "a", consumer.each.first.text
        seen = []
        consumer.each { |message| (seen << message.text).size == 3 && break }
        assert_equal %w[a b c], seen
      end
    end
  end

  def test_waiting_lets_other_threads_run_and_is_interrupted
    with_client do |_, client|
      client.create_topic("t")
      client.consumer do |consumer|
        consumer.read(["t", 0] => :earliest)
        ticks = 0
        ticking = Thread.new { loop { ticks += 1; Thread.pass } }
        assert_raises(Timeout::Error) { Timeout.timeout(0.2) { consumer.poll(timeout: LONG) } }
        ticking.kill
        assert_operator ticks, :>, 10
        client.produce("t", "after")
        assert_equal ["after"], consumer.poll(timeout: LONG).map(&:text)
      end
    end
  end

  class Heard < Flymq::RebalanceListener
    attr_reader :told

    def initialize = @told = []
    def assigned(partitions) = @told << [:assigned, partitions.size]
    def revoked(partitions) = @told << [:revoked, partitions.size]
    def lost(partitions) = @told << [:lost, partitions.size]
  end

  def test_rebalances_are_told
    with_client do |_, client|
      client.create_topic("t", 2)
      heard = Heard.new
      client.consumer(group: "g") do |consumer|
        consumer.on_rebalance(heard)
        consumer.subscribe(["t"])
        wait_until("partitions are assigned") { consumer.poll(timeout: 0.05).empty? && !heard.told.empty? }
      end
      assert_equal [:assigned, 2], heard.told.first
    end
  end

  def test_a_listener_goes_with_its_consumer
    with_client do |_, client|
      listening = proc { client.consumer(group: "g").on_rebalance(Heard.new) }
      _, complaints = capture_subprocess_io do
        100.times(&listening)
        wait_until("some are collected") { GC.start || ObjectSpace.each_object(Heard).count < 50 }
      end
      assert_empty complaints
    end
  end

  def test_a_forked_child_is_told_and_does_not_hang
    with_client do |broker, client|
      address = broker.address
      child = fork do
        client.ping
        exit! 1
      rescue Flymq::Error => e
        # A client of its own works.
        works = Flymq.connect(address) { |own| own.ping.positive? }
        exit!(e.code == :CLOSED && works ? 0 : 2)
      end
      assert_equal 0, Process.wait2(child)[1].exitstatus
      assert_operator client.ping, :>, 0
    end
  end

  def test_a_thousand_clients_leave_nothing_behind
    Flymq::EmbeddedBroker.start(fsync: false) do |broker|
      cycle = proc do
        Flymq.connect(broker.address) { |client| client.producer { |producer| producer.flush } }
      end
      200.times(&cycle)
      before = usage
      1_000.times { cycle.call }
      wait_until("the threads have ended") { usage[:threads] <= before[:threads] + 2 }
      after = usage
      assert_operator after[:kibibytes], :<, before[:kibibytes] + 32 * 1024
      assert_operator after[:files], :<=, before[:files] + 2
    end
  end

  def usage
    GC.start
    status = File.readlines("/proc/self/status").to_h { |line| line.split(":", 2) }
    { kibibytes: status["VmRSS"].to_i, threads: status["Threads"].to_i, files: Dir.children("/proc/self/fd").size }
  end
end
