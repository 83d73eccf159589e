#include "launch/tcp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/error.hpp"

namespace gyrus {
namespace {

TEST(Tcp, BytesArriveWholeFromBothEnds) {
  const auto listener = tcp::listen_anywhere(1);
  const auto client = tcp::connect_to("127.0.0.1", listener.port);
  ASSERT_TRUE(client);
  const auto server = tcp::accept_one(listener, 5);
  const std::int64_t sent = 4711;
  std::int64_t received = 0;
  tcp::send(client, &sent, sizeof sent);
  ASSERT_TRUE(tcp::receive(server, &received, sizeof received));
  EXPECT_EQ(received, sent);
  tcp::send(server, &sent, 1);
  char byte = 0;
  EXPECT_TRUE(tcp::receive(client, &byte, 1));
}

TEST(Tcp, AConnectionThatSaysTooLittleIsNoGreeting) {
  const auto listener = tcp::listen_anywhere(1);
  auto client = tcp::connect_to("127.0.0.1", listener.port);
  const auto server = tcp::accept_one(listener, 5);
  const char few = 'x';
  tcp::send(client, &few, 1);
  client.reset();
  std::int64_t received = 0;
  EXPECT_FALSE(tcp::receive(server, &received, sizeof received));
}

TEST(Tcp, APortWhereNobodyListensIsNotConnected) {
  std::uint16_t port = 0;
  {
    const auto closed_again = tcp::listen_anywhere(1);
    port = closed_again.port;
  }
  EXPECT_FALSE(tcp::connect_to("127.0.0.1", port));
}

TEST(Tcp, APeerThatDoesNotComeIsNamedWithTheTime) {
  const auto listener = tcp::listen_anywhere(1);
  try {
    tcp::accept_one(listener, 1);
    FAIL() << "nobody came, and nothing was said";
  } catch (const CommError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("did not connect to rank 0 within 1 s"));
  }
}

TEST(Tcp, TheLoopbackAddressIsTheLastOne) {
  EXPECT_EQ(tcp::own_addresses().back(), "127.0.0.1");
}

}  // namespace
}  // namespace gyrus
