# frozen_string_literal: true

# Reads orders as a member of a group, and writes an invoice for each, exactly once.

require "flymq"

Flymq::EmbeddedBroker.start do |broker|
  Flymq.connect(broker.address) do |client|
    client.create_topic("orders")
    client.create_topic("invoices")
    client.produce_all("orders", %w[apples pears plums])
    client.consumer(group: "billing", auto_commit_interval_ms: 0) do |consumer|
      consumer.subscribe(["orders"])
      client.transactional_producer("billing-1") do |producer|
        billed = 0
        while billed < 3
          orders = consumer.poll
          next if orders.empty?

          producer.in_transaction do |transaction|
            transaction.produce_all("invoices", orders.map { |order| "invoice for #{order.text}" })
            transaction.send_processed(consumer)
          end
          billed += orders.size
        end
      end
    end
    puts "#{client.fetch('invoices', 0, 0).size} invoices"
  end
end
