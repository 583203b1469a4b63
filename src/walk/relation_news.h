/*
 * relation_news.h
 *	  Whether any relation may have changed.
 */
#ifndef CITER_RELATION_NEWS_H
#define CITER_RELATION_NEWS_H

extern void citer_relation_news_init(void);
extern uint64 citer_relation_news(void);
extern uint64 citer_relation_undone(void);

#endif							/* CITER_RELATION_NEWS_H */
