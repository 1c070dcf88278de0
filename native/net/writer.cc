#include "net/writer.h"

#include <cerrno>
#include <cstring>

#include "sys/socket.h"

namespace heddle::net {

void Writer::turnTo(Connection* connection) {
  if (connection == current_) return;
  settle();
  current_ = connection;
}

void Writer::span(Connection* connection, const uint8_t* data, uint32_t size) {
  turnTo(connection);
  if (spanSize_ == 0 && used_ == 0) {
    span_ = data;
    spanSize_ = size;
    return;
  }
  if (used_ == 0 && span_ + spanSize_ == data) {
    spanSize_ += size;
    return;
  }
  if (size > kScratchBytes) {
    settle();
    current_ = connection;
    span_ = data;
    spanSize_ = size;
    return;
  }
  std::memcpy(room(connection, size), data, size);
  commit(size);
}

uint8_t* Writer::room(Connection* connection, uint32_t size) {
  turnTo(connection);
  if (spanSize_ > 0) {
    // Order: the span comes first. It joins the scratch when both fit, else it leaves on its own.
    if (spanSize_ + size <= kScratchBytes) {
      std::memcpy(scratch_, span_, spanSize_);
      used_ = spanSize_;
      spanSize_ = 0;
    } else {
      settle();
      current_ = connection;
    }
  }
  if (used_ + size > kScratchBytes) {
    settle();
    current_ = connection;
  }
  return scratch_ + used_;
}

void Writer::settle() {
  Connection* const connection = current_;
  if (connection == nullptr) return;
  const uint8_t* const data = spanSize_ > 0 ? span_ : scratch_;
  const uint32_t size = spanSize_ > 0 ? spanSize_ : used_;
  current_ = nullptr;
  spanSize_ = 0;
  used_ = 0;
  if (size > 0) send(connection, data, size);
}

void Writer::forget(const Connection* connection) {
  if (connection != current_) return;
  current_ = nullptr;
  spanSize_ = 0;
  used_ = 0;
}

void Writer::send(Connection* connection, const uint8_t* data, uint32_t size) {
  // After a gap nothing may follow: the peer would take it for what is missing.
  if (connection->has(Connection::kFailed)) return;
  uint32_t sent = 0;
  if (connection->output == nullptr && !connection->has(Connection::kConnecting)) {
    const int64_t n = sys::sendSome(connection->fd, data, size);
    if (n < 0 && n != -EAGAIN) return events_->writeFailed(connection, static_cast<int>(-n));
    if (n > 0) sent = static_cast<uint32_t>(n);
  }
  if (sent < size) {
    if (connection->output == nullptr) connection->output = Outputs::make();
    if (connection->output == nullptr) return events_->writeFailed(connection, ENOMEM);
    if (connection->output->copy(data + sent, size - sent) < 0) {
      return events_->writeFailed(connection, ENOMEM);
    }
  }
  events_->written(connection, sent);
}

}  // namespace heddle::net
